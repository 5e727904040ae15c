"""The user's cloud-config, merged with the join: their keys stay, their `bootcmd` follows ours.

Read as cloud-init reads it (YAML 1.1, PyYAML's resolver), held to what the join needs, and written once for all machines that share it.
What cloud-init would drop, or would drop ours for, is refused: measured with cloud-init 22.4.2.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from krmfn.manifests import yamlio
from krmfn.platform.model import embedded
from krmfn.problems import Path, Place, Problem, show

_HEADER = "#cloud-config"
# The first line tells cloud-init what a document is.
_FORMATS = (
    ("## template:", "a Jinja template"),
    ("#!", "a script"),
    ("#include", "a list of files to include"),
    ("#cloud-config-archive", "an archive"),
    ("#cloud-config-jsonp", "a JSON patch"),
    ("#cloud-boothook", "a boot hook"),
    ("#upstart-job", "an upstart job"),
    ("#part-handler", "a part handler"),
    ("content-type:", "a MIME message"),
    ("mime-version:", "a MIME message"),
    ("\x1f\x8b", "compressed"),
)
_IGNITION = re.compile(r'\{\s*"ignition"')
_LISTS = ("bootcmd", "runcmd", "write_files", "ssh_authorized_keys")
_OUR_FILES = ("/run/krmfn", "/var/lib/krmfn", "/run/systemd/system/krmfn-join.service")
_BOOT_MODULES = ("bootcmd", "set_hostname", "update_hostname")


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """A user's cloud-config, checked: its host names, its `bootcmd` entries and all else of it as YAML."""

    hostname: str = ""
    fqdn: str = ""
    boot: str = ""
    rest: str = ""

    def host_problem(self, node: str) -> str:
        """Why the host would not be named after the node, or ""."""
        if self.hostname not in ("", node):
            return (
                f"sets hostname to {show(self.hostname)}; the host is named after its claim, {node}"
            )
        if self.fqdn and self.fqdn.partition(".")[0] != node:
            return f"sets fqdn to {show(self.fqdn)}; the host is named after its claim, {node}"
        return ""


def read(text: str, at: Place, header: bool) -> tuple[dict[str, Any], list[Problem]]:
    """The mapping of a user's cloud-config; with `header`, its first line has to say that it is one."""
    text = text.removeprefix("\ufeff")
    text = text.lstrip(" \t\r\n")
    first = text.partition("\n")[0].strip()
    for mark, what in _FORMATS:
        if text.startswith(mark) or first.lower().startswith(mark):
            return {}, [at.error(f"is {what}; only a {_HEADER} can be merged with the join")]
    if _IGNITION.match(text):
        return {}, [
            at.error(f"is an Ignition config; only a {_HEADER} can be merged with the join")
        ]
    if text.startswith("ENC["):
        return {}, [at.error("is still encrypted: decrypt it before krmfn runs")]
    if header and text and first != _HEADER:
        return {}, [at.error(f"does not begin with {_HEADER}, so cloud-init would not read it")]
    data, problems = yaml_mapping(text, at)
    return data, [*problems, *_problems(data, at)]


def yaml_mapping(text: str, at: Place) -> tuple[dict[str, Any], list[Problem]]:
    """The mapping that a text is to cloud-init's YAML reader."""
    data, problems = embedded(text, at, resolver=_resolved)
    return data, [*problems, *_unreadable(data, at)]


_YES = frozenset(["yes", "Yes", "YES", "on", "On", "ON"])
_NO = frozenset(["no", "No", "NO", "off", "Off", "OFF"])
_LONGEST_NUMBER = 70
_resolver = yaml.resolver.Resolver()


def _resolved(text: str) -> Any:
    """The value of a plain scalar as PyYAML, and so cloud-init, resolves it; a date or a base-60 number is left to be refused."""
    if text in _YES or text in _NO:
        return text in _YES
    tag = str(_resolver.resolve(yaml.ScalarNode, text, (True, False))).rpartition(":")[2]  # type: ignore[no-untyped-call]
    if tag == "timestamp" or (tag in ("int", "float") and ":" in text):
        return yamlio.Timestamp(text)
    if tag in ("int", "float") and len(text) < _LONGEST_NUMBER:
        return yaml.safe_load(text)
    return {"null": None, "bool": text.lower() == "true"}.get(tag, text)


def _problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    for key in _LISTS:
        if key in data and not isinstance(data[key], list) and data[key] is not None:
            yield at.field(key).error(
                f"is {_kind(data[key])}; must be a list, or cloud-init drops it"
            )
    for key in ("bootcmd", "runcmd"):
        for index, command in enumerate(_listed(data, key)):
            if not isinstance(command, str) and not (
                isinstance(command, list) and all(isinstance(word, str | int) for word in command)
            ):
                yield at.field(key, index).error(
                    f"is {_kind(command)}; must be a command: text, or a list of words"
                )
    for index, file in enumerate(_listed(data, "write_files")):
        path = file.get("path") if isinstance(file, dict) else None
        if not isinstance(path, str):
            yield at.field("write_files", index).error("must be a mapping with a path")
        elif any(f"{_plain(path)}/".startswith(f"{own}/") for own in _OUR_FILES):
            yield at.field("write_files", index, "path").error(
                f"is {show(path)}, which the join writes"
            )
    for key in ("hostname", "fqdn"):
        if key in data and not isinstance(data[key], str):
            yield at.field(key).error(f"is {_kind(data[key])}; must be text")
    if data.get("preserve_hostname"):
        yield at.field("preserve_hostname").error(
            "is set: the host would not be named after its claim"
        )
    yield from _module_problems(data, at)


def _kind(value: Any) -> str:
    """What a value is: it may come from a Secret, and is not repeated."""
    return (
        "text"
        if isinstance(value, str)
        else "a number"
        if type(value) in (int, float)
        else show(value)
    )


def _plain(path: str) -> str:
    """A path without detours."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _module_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    if "cloud_init_modules" not in data:
        return
    modules = data["cloud_init_modules"] if isinstance(data["cloud_init_modules"], list) else []
    # A module may stand in a list with a frequency; of ours only the default, every boot, will do.
    named = [str(module).replace("-", "_") for module in modules if isinstance(module, str)]
    if missing := [name for name in _BOOT_MODULES if name not in named]:
        yield at.field("cloud_init_modules").error(
            f"is without {', '.join(missing)}, which the join needs at every boot"
        )


def _unreadable(value: Any, at: Place, path: Path = ()) -> Iterator[Problem]:
    if isinstance(value, yamlio.Timestamp):
        yield at.field(*path).error("is a date or time to cloud-init's YAML; quote it")
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        yield at.field(*path).error("is no number")
    elif isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _unreadable(child, at, (*path, key))


def _listed(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two cloud-configs as one: lists append, mappings merge, of anything else the second's stands."""
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value]
        else:
            result[key] = value
    return result


def written(data: dict[str, Any], ssh_keys: list[str]) -> CloudConfig:
    """A checked cloud-config, with keys that may log in, ready to stand behind the join."""
    data = dict(data)
    keys = _listed(data, "ssh_authorized_keys")
    if added := [key for key in ssh_keys if key not in keys]:
        data["ssh_authorized_keys"] = [*keys, *added]
    hostname, fqdn = data.pop("hostname", "") or "", data.get("fqdn") or ""
    boot = _listed(data, "bootcmd")
    data.pop("bootcmd", None)
    # cloud-init's schema warns of an empty list.
    data = {key: value for key, value in data.items() if not (key in _LISTS and not value)}
    return CloudConfig(
        hostname, fqdn, yamlio.dump(boot) if boot else "", yamlio.dump(data) if data else ""
    )
