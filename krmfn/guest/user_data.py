"""User data: one `#cloud-config` with one `bootcmd` entry for the join.

At every boot that entry writes the join into /run and starts it. This form, and no other that was
tried, joins after a power cut at any time: cloud-init does not sync what `write_files` and
`runcmd` leave, while `bootcmd` runs at each boot with the current content of the Secret (real
boots, Debian 12 and 13).
"""

from __future__ import annotations

import pkgutil
import shlex
from functools import cache, lru_cache

from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.join import Join
from krmfn.manifests.yamlio import scalar
from krmfn.records import record

# The most that a Secret may hold (KubeVirt reads the user data from one).
LARGEST = 2**20
END = "KRMFN_END"
FOLDER = "/run/krmfn/"
_UNIT = "krmfn-join.service"
# The nodes of a run join few virtual clusters at a time.
_KEPT = 64


@cache
def guest_file(name: str) -> str:
    """Read a constant file of the guest: `join.sh` or `krmfn-join.service`."""
    return (pkgutil.get_data(__name__, name) or b"").decode()


@cache
def join_script() -> str:
    """Return `join.sh` without its comments: each Secret has a copy, and has to be read."""
    lines = guest_file("join.sh").splitlines(keepends=True)
    code = [line for line in lines if not line.lstrip().startswith("#")]
    return "#!/bin/sh\n# krmfn/guest/join.sh, without its comments.\n" + "".join(code)


@record(frozen=True)
class NodeSettings:
    """What a guest's join is told beside the virtual cluster.

    `node` is the name of one node. None: many nodes share the user data, and each takes its name
    from the instance's metadata. With `address_interface`, kubelet announces the address of that
    interface.
    """

    node: str | None = None
    kubelet_arguments: tuple[str, ...] = ()
    address_interface: str = ""


def user_data_parts(settings: NodeSettings, join: Join, config: CloudConfig) -> tuple[str, str]:
    """Write the user data of one node, or of all nodes that share it.

    It is two parts, one after the other: many nodes have the second in common.
    Values are literal in it, only quoted for a shell, so that people can read a diff. The user's
    `config` follows: its `bootcmd` entries in our list, the rest of it after that.
    """
    name = f"hostname: {scalar(settings.node)}\n" if settings.node else ""
    head = f"#cloud-config\n{name}{config.updates}bootcmd:\n- |\n"
    start = _START + _file(f"{FOLDER}settings", _settings(settings, join))
    return head + _indented(start), _rest(join) + config.boot + config.rest


_START = (
    "# krmfn: join the virtual cluster. At every boot; writes to /run alone.\n"
    # A subshell keeps its umask, and a failure, from the user's commands after it.
    "(\numask 077\nmkdir -p /run/krmfn /run/systemd/system\n"
)


@lru_cache(_KEPT)
def _rest(join: Join) -> str:
    """Write the part of our `bootcmd` entry that all nodes of a virtual cluster share."""
    parts = []
    if join.token:
        parts.append(_file(f"{FOLDER}token", f"{join.token}\n"))
    if join.pem:
        parts.append(_file(f"{FOLDER}ca.crt", join.pem))
    parts += [
        _file(f"{FOLDER}join.sh", join_script()),
        _file(f"/run/systemd/system/{_UNIT}", guest_file(_UNIT)),
        # As systemd wants its units: they hold no secret.
        f"chmod 0644 /run/systemd/system/{_UNIT}\n",
        f"systemctl daemon-reload\nsystemctl start --no-block {_UNIT}\n",
        # This also saves the network file that cloud-init has just written from a power cut
        # (measured on Debian 13).
        "sync\n)\n",
    ]
    return _indented("".join(parts))


def _settings(settings: NodeSettings, join: Join) -> str:
    """Write the shell variables that the join script reads, without empty ones."""
    values = {
        "node": settings.node or "",
        "endpoint": join.endpoint,
        "authority": join.authority,
        "join_arguments": " ".join(join.arguments),
        "kubelet_arguments": " ".join(settings.kubelet_arguments),
        "node_ip_interface": settings.address_interface,
        "token_file": join.file,
    }
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items() if value)


def _file(path: str, content: str) -> str:
    """Write the shell command that writes a file."""
    return f"cat >{path} <<'{END}'\n{content}{END}\n"


def _indented(text: str) -> str:
    """Indent the lines of a text by two blanks, except for empty ones."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"  {line}\n" if line else "\n" for line in lines)
