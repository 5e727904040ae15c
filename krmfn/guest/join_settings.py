"""Reads back what a guest's join is told by the user data that `krmfn.guest.user_data` wrote."""

from __future__ import annotations

import re
import shlex
from typing import Any

from krmfn.guest.user_data import END, FOLDER
from krmfn.patterns import pattern

# A node that gets another one of these joins again; all else it reads only when it joins.
IDENTITY = ("endpoint", "authority", "ca.crt")
AUTHORITIES = ("system", "file", "none")
_FILE = pattern(rf"cat >{re.escape(FOLDER)}(\S+) <<'{END}'\n(.*?){END}\n", re.DOTALL)


def join_settings(bootcmd: Any) -> tuple[dict[str, str], Any]:
    """Return the settings of the join in a `bootcmd`, and what else there is in it.

    The kubelet's arguments are settings by the names of their flags, such as
    `register-with-taints`. The node's name is none: it is the same wherever it comes from. There
    are no settings if krmfn did not write the commands.
    """
    entry = bootcmd[0] if isinstance(bootcmd, list) and bootcmd else None
    if not isinstance(entry, str) or f"cat >{FOLDER}settings " not in entry:
        return {}, bootcmd
    files = dict(_FILE.findall(entry))
    settings = {name: files[name] for name in ("ca.crt", "token") if name in files}
    for line in files.get("settings", "").splitlines():
        key, _, value = line.partition("=")
        settings[key] = _unquoted(value)
    for argument in settings.pop("kubelet_arguments", "").split():
        flag, _, value = argument.removeprefix("--").partition("=")
        settings.setdefault(flag, value)
    settings.pop("node", None)
    rest = [content for name, content in files.items() if name not in ("settings", *settings)]
    return settings, [rest, _FILE.sub("", entry), *bootcmd[1:]]


def _unquoted(value: str) -> str:
    """Return what a shell reads; what it can't read, which is not ours, stays as it is."""
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value
