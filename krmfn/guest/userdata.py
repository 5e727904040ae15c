"""User data: one `#cloud-config` with the host name and one `bootcmd` entry that, at every boot, writes the join into /run.

This form, and no other that was tried, joins after a power cut at any time: cloud-init does not sync what `write_files` and `runcmd`
leave, while `bootcmd` runs at each boot with the Secret's content of then (real boots, Debian 12 and 13).
"""

from __future__ import annotations

import pkgutil
import shlex
from collections.abc import Iterable
from functools import cache

from krmfn.guest.cloudconfig import CloudConfig
from krmfn.guest.credentials import Join
from krmfn.yamlio import scalar

# What a Secret may hold (KubeVirt reads the user data from one).
LARGEST = 2**20
_END = "KRMFN_END"
_NONE = CloudConfig()


@cache
def guest_file(name: str) -> str:
    """A constant file of the guest: `join.sh` or `krmfn-join.service`."""
    return (pkgutil.get_data(__name__, name) or b"").decode()


def user_data(node: str, join: Join, kubelet_arguments: Iterable[str] = (), config: CloudConfig = _NONE) -> str:
    """The user data of one node. Values stand in it literally, quoted for a shell, so that a diff can be read.

    The user's own `config` follows ours: its `bootcmd` in our list, all else of it behind that.
    """
    settings = {
        "node": node,
        "endpoint": join.endpoint,
        "authority": join.authority,
        "kubelet_arguments": " ".join(kubelet_arguments),
        "token_file": join.file,
    }
    lines = "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items() if value)
    files = [_file("/run/krmfn/settings", lines)]
    if join.token:
        files.append(_file("/run/krmfn/token", f"{join.token}\n"))
    if join.pem:
        files.append(_file("/run/krmfn/ca.crt", join.pem))
    ours = f"#cloud-config\nhostname: {scalar(node)}\nbootcmd:\n- |\n{_head()}{_indented(''.join(files))}{_tail()}"
    return ours + config.boot + config.rest


def _file(path: str, content: str) -> str:
    return f"cat >{path} <<'{_END}'\n{content}{_END}\n"


@cache
def _head() -> str:
    # In a subshell, so that neither its umask nor a failure reaches the user's own commands after it.
    comment = "# krmfn: join the virtual cluster. At every boot; writes to /run alone."
    return _indented(f"{comment}\n(\numask 077\nmkdir -p /run/krmfn /run/systemd/system\n")


@cache
def _tail() -> str:
    """What is the same for every node, ready to stand in the document."""
    return _indented(
        _file("/run/krmfn/join.sh", guest_file("join.sh"))
        + _file("/run/systemd/system/krmfn-join.service", guest_file("krmfn-join.service"))
        + "systemctl daemon-reload\nsystemctl start --no-block krmfn-join.service\n"
        # Also saves the network file that cloud-init has just written from a power cut (measured on Debian 13).
        + "sync\n)\n"
    )


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.removesuffix("\n").split("\n"))
