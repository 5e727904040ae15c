"""User data: one `#cloud-config` with the host name and one `bootcmd` entry that, at every boot, writes the join into /run.

This form, and no other that was tried, joins after a power cut at any time: cloud-init does not sync what `write_files` and `runcmd`
leave, while `bootcmd` runs at each boot with the Secret's content of then (real boots, Debian 12 and 13).
"""

from __future__ import annotations

import base64
import pkgutil
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.join import Join
from krmfn.manifests.yamlio import scalar

# What a Secret may hold (KubeVirt reads the user data from one).
LARGEST = 2**20
_END = "KRMFN_END"
_NONE = CloudConfig()
# Nodes of a run share few texts, unless a template puts something of its own into each.
_KEPT = 64


@cache
def guest_file(name: str) -> str:
    """A constant file of the guest: `join.sh` or `krmfn-join.service`."""
    return (pkgutil.get_data(__name__, name) or b"").decode()


@dataclass(frozen=True, slots=True)
class Payload:
    """A text for a guest: its beginning, which is one node's own, and the rest, which many have in common and which is encoded once."""

    own: str
    shared: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return self.own + self.shared

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.own.encode()) + _size(self.shared)

    @property
    def base64(self) -> tuple[str, str]:
        """The text in base64, in two parts. Base64 stands for three bytes at a time, so the shared part lends the node's own up to two."""
        own = self.own.encode()
        lent, rest = _encoded(self.shared, -len(own) % 3)
        return base64.b64encode(own + lent).decode(), rest


@lru_cache(_KEPT)
def _size(text: str) -> int:
    return len(text.encode())


@lru_cache(3 * _KEPT)
def _encoded(text: str, lent: int) -> tuple[bytes, str]:
    """The first bytes of a text, and the rest of it in base64."""
    data = text.encode()
    return data[:lent], base64.b64encode(data[lent:]).decode()


def user_data(
    node: str, join: Join, kubelet_arguments: Iterable[str] = (), config: CloudConfig = _NONE
) -> str:
    """The user data of one node, as `payload` makes it."""
    return payload(node, join, kubelet_arguments, config).text


def payload(
    node: str, join: Join, kubelet_arguments: Iterable[str] = (), config: CloudConfig = _NONE
) -> Payload:
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
    own = f"#cloud-config\nhostname: {scalar(node)}\nbootcmd:\n- |\n{_head()}{_indented(_file('/run/krmfn/settings', lines))}"
    return Payload(own, _shared(join, config))


def _file(path: str, content: str) -> str:
    return f"cat >{path} <<'{_END}'\n{content}{_END}\n"


@cache
def _head() -> str:
    # In a subshell, so that neither its umask nor a failure reaches the user's own commands after it.
    comment = "# krmfn: join the virtual cluster. At every boot; writes to /run alone."
    return _indented(f"{comment}\n(\numask 077\nmkdir -p /run/krmfn /run/systemd/system\n")


@lru_cache(_KEPT)
def _shared(join: Join, config: CloudConfig) -> str:
    """What is the same for every node of a virtual cluster with this config."""
    files = _file("/run/krmfn/token", f"{join.token}\n") if join.token else ""
    files += _file("/run/krmfn/ca.crt", join.pem) if join.pem else ""
    ours = _indented(
        files
        + _file("/run/krmfn/join.sh", guest_file("join.sh"))
        + _file("/run/systemd/system/krmfn-join.service", guest_file("krmfn-join.service"))
        + "systemctl daemon-reload\nsystemctl start --no-block krmfn-join.service\n"
        # Also saves the network file that cloud-init has just written from a power cut (measured on Debian 13).
        + "sync\n)\n"
    )
    return ours + config.boot + config.rest


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.removesuffix("\n").split("\n"))
