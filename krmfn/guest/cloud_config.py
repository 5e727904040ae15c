"""The user's cloud-config, merged with the join: their keys stay, their `bootcmd` follows ours.

It is read as cloud-init reads it (YAML 1.1 with PyYAML's resolver), checked for what the join
needs, and written once for all machines that share it. krmfn refuses what cloud-init would drop,
and what would make it drop ours: measured with cloud-init 22.4.2.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any

import yaml

from krmfn.manifests import yamlio
from krmfn.patterns import pattern
from krmfn.platform.model import embedded
from krmfn.problems import Collector, Place, Problem, show
from krmfn.records import record

_HEADER = "#cloud-config"
# cloud-init takes a document's format from its first line.
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
_IGNITION = pattern(r'\{\s*"ignition"')
_LISTS = ("bootcmd", "runcmd", "write_files", "ssh_authorized_keys")
_OUR_FILES = ("/run/krmfn", "/var/lib/krmfn", "/run/systemd/system/krmfn-join.service")
_NETWORK_UPDATES = ("boot-new-instance", "boot")
_BOOT_MODULES = ("bootcmd", "set_hostname", "update_hostname")


def _updates(data: dict[str, Any]) -> str:
    """Write when cloud-init applies its parts again: the network at every boot too.

    A machine that is stopped and started gets a new MAC address, and the network's file of the
    first boot would still match the old one (measured with cloud-init 22.4.2).
    """
    updates = data.get("updates") or {}
    network = updates.get("network") or {}
    when = list(dict.fromkeys([*_NETWORK_UPDATES, *(network.get("when") or [])]))
    return yamlio.dump({"updates": {**updates, "network": {**network, "when": when}}})


@record(frozen=True)
class CloudConfig:
    """A checked cloud-config: its host names, and the rest as YAML.

    `updates` is when cloud-init applies its parts again, `boot` the entries of `bootcmd`.
    """

    hostname: str = ""
    fqdn: str = ""
    updates: str = field(default_factory=lambda: _updates({}))
    boot: str = ""
    rest: str = ""

    def host_fault(self, node: str) -> str:
        """Say what gives the host another name than the node's, or ""."""
        if self.hostname not in ("", node):
            return f"sets hostname to {show(self.hostname)}"
        if self.fqdn and self.fqdn.partition(".")[0] != node:
            return f"sets fqdn to {show(self.fqdn)}"
        return ""


def names_host(config: dict[str, Any]) -> bool:
    """Tell whether a cloud-config sets the host's name."""
    return "hostname" in config or "fqdn" in config


def read(text: str, at: Place, problems: Collector, *, header: bool) -> dict[str, Any]:
    """Read a user's cloud-config.

    With `header`, its first line must say that it is one, since cloud-init would skip it
    otherwise.
    """
    text = text.removeprefix("\ufeff").lstrip(" \t\r\n")
    if fault := _format_fault(text, header):
        problems.append(at.error(fault))
        return {}
    data = yaml_mapping(text, at, problems)
    problems += _list_problems(data, at)
    problems += _file_problems(data, at)
    problems += _host_problems(data, at)
    problems += _module_problems(data, at)
    problems += _update_problems(data, at)
    return data


def yaml_mapping(text: str, at: Place, problems: Collector) -> dict[str, Any]:
    """Read a text as the mapping that cloud-init's YAML reader makes of it."""
    data = embedded(text, at, problems, resolver=_resolved)
    problems += _ambiguous(data, at)
    return data


def _format_fault(text: str, header: bool) -> str:
    """Say why a text is not a cloud-config by its first line, or ""."""
    rule = f"only a {_HEADER} can be merged with the join"
    first = text.partition("\n")[0].strip()
    for mark, meaning in _FORMATS:
        if text.startswith(mark) or first.lower().startswith(mark):
            return f"is {meaning}; {rule}"
    if _IGNITION.match(text):
        return f"is an Ignition config; {rule}"
    if text.startswith("ENC["):
        return "is still encrypted: decrypt it before krmfn runs"
    if header and text and first != _HEADER:
        return f"does not begin with {_HEADER}, so cloud-init would not read it"
    return ""


_YES = frozenset(["yes", "Yes", "YES", "on", "On", "ON"])
_NO = frozenset(["no", "No", "NO", "off", "Off", "OFF"])
_LONGEST_NUMBER = 70
_resolver = yaml.resolver.Resolver()


def _resolved(text: str) -> Any:
    """Give a plain scalar the value that PyYAML, and so cloud-init, gives it.

    A date and a base-60 number become a Timestamp, which is refused later.
    """
    if text in _YES or text in _NO:
        return text in _YES
    whole: str = _resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    tag = whole.rpartition(":")[2]
    is_number = tag in ("int", "float")
    if tag == "timestamp" or (is_number and ":" in text):
        return yamlio.Timestamp(text)
    if is_number and len(text) < _LONGEST_NUMBER:
        return yaml.safe_load(text)
    if tag == "bool":
        return text.lower() == "true"
    return None if tag == "null" else text


def _list_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Check the keys that must be lists, and the commands in two of them."""
    for key in _LISTS:
        value = data.get(key)
        if not isinstance(value, list | None):
            rule = "must be a list, or cloud-init drops it"
            yield at.field(key).error(f"is {_kind(value)}; {rule}")
    yield from _command_problems(data, "bootcmd", at)
    yield from _command_problems(data, "runcmd", at)


def _command_problems(data: dict[str, Any], key: str, at: Place) -> Iterator[Problem]:
    """Check the commands of a list."""
    for index, command in enumerate(_listed(data, key)):
        if not _is_command(command):
            rule = "must be a command: text, or a list of words"
            yield at.field(key, index).error(f"is {_kind(command)}; {rule}")


def _is_command(value: Any) -> bool:
    """Tell whether cloud-init can run a value as a command."""
    if isinstance(value, list):
        return all(isinstance(word, str | int) for word in value)
    return isinstance(value, str)


def _file_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Check that every file has a path, and that the join does not write it."""
    files = _listed(data, "write_files")
    for index, file in enumerate(files):
        where = at.field("write_files", index)
        path = file.get("path") if isinstance(file, dict) else None
        if not isinstance(path, str):
            yield where.error("must be a mapping with a path")
        elif _is_ours(path):
            yield where.field("path").error(f"is {show(path)}, which the join writes")


def _is_ours(path: str) -> bool:
    """Tell whether a path, without its detours, is one of the join's files or below one."""
    normal = "/" + posixpath.normpath(path).lstrip("/")
    return any(f"{normal}/".startswith(f"{ours}/") for ours in _OUR_FILES)


def _host_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Check that the host's name is the claim's to set."""
    for key in ("hostname", "fqdn"):
        value = data.get(key, "")
        if not isinstance(value, str):
            yield at.field(key).error(f"is {_kind(value)}; must be text")
    if data.get("preserve_hostname"):
        message = "is set: the host would not be named after its claim"
        yield at.field("preserve_hostname").error(message)


def _module_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Check that a list of modules leaves those in that the join needs."""
    if "cloud_init_modules" not in data:
        return
    # A module may stand in a list with a frequency. The modules that the join needs must run at
    # every boot, which is their default, so only their plain names count.
    plain = [name for name in _listed(data, "cloud_init_modules") if isinstance(name, str)]
    names = [name.replace("-", "_") for name in plain]
    missing = [name for name in _BOOT_MODULES if name not in names]
    if missing:
        message = f"is without {', '.join(missing)}, which the join needs at every boot"
        yield at.field("cloud_init_modules").error(message)


def _update_problems(data: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Check that the times of updates can be added to."""
    updates = data.get("updates")
    network = updates.get("network") if isinstance(updates, dict) else None
    when = network.get("when") if isinstance(network, dict) else None
    if not isinstance(updates, dict | None):
        yield at.field("updates").error(f"is {_kind(updates)}; must be a mapping")
    elif not isinstance(network, dict | None):
        yield at.field("updates", "network").error(f"is {_kind(network)}; must be a mapping")
    elif not isinstance(when, list | None):
        yield at.field("updates", "network", "when").error(f"is {_kind(when)}; must be a list")


def _kind(value: Any) -> str:
    """Name the kind of a value, which may come from a Secret and so is not repeated."""
    if isinstance(value, str):
        return "text"
    if type(value) in (int, float):
        return "a number"
    return show(value)


def _ambiguous(value: Any, at: Place) -> Iterator[Problem]:
    """Yield the scalars that are not what they look like."""
    if isinstance(value, yamlio.Timestamp):
        yield at.error("is a date or time to cloud-init's YAML; quote it")
    elif isinstance(value, float) and not math.isfinite(value):
        yield at.error("is not a number")
    for key, child in _children(value):
        yield from _ambiguous(child, at.field(key))


def _children(value: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys and values of a mapping, or the indexes and values of a list."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        return enumerate(value)
    return ()


def _listed(data: dict[str, Any], key: str) -> list[Any]:
    """Return the list under a key, [] if there is none."""
    value = data.get(key)
    return value if isinstance(value, list) else []


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Merge two cloud-configs: lists append, mappings merge, else the second's value wins."""
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
    """Write a checked cloud-config so that it can follow the join.

    `ssh_keys` are public keys that may log in, beside those that it has.
    """
    rest = dict(data)
    keys = _listed(data, "ssh_authorized_keys")
    added = [key for key in ssh_keys if key not in keys]
    if added:
        rest["ssh_authorized_keys"] = [*keys, *added]
    hostname = rest.pop("hostname", "") or ""
    boot = _listed(data, "bootcmd")
    rest.pop("bootcmd", None)
    rest.pop("updates", None)
    # cloud-init's schema warns of an empty list.
    for key in _LISTS:
        if not rest.get(key):
            rest.pop(key, None)
    return CloudConfig(
        hostname=hostname,
        fqdn=data.get("fqdn") or "",
        updates=_updates(data),
        boot=yamlio.dump(boot) if boot else "",
        rest=yamlio.dump(rest) if rest else "",
    )
