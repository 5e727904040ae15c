"""User data: one `#cloud-config` with the host name and one `bootcmd` entry for the join.

At every boot that entry writes the join into /run and starts it. This form, and no other that was
tried, joins after a power cut at any time: cloud-init does not sync what `write_files` and
`runcmd` leave, while `bootcmd` runs at each boot with the current content of the Secret (real
boots, Debian 12 and 13).
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

# The most that a Secret may hold (KubeVirt reads the user data from one).
LARGEST = 2**20
_END = "KRMFN_END"
_NO_CONFIG = CloudConfig()
# The nodes of a run share few texts, unless a template adds something of its own to each.
_KEPT = 64
# Base64 encodes three bytes at a time.
_BASE64_UNIT = 3


@cache
def guest_file(name: str) -> str:
    """Read a constant file of the guest: `join.sh` or `krmfn-join.service`."""
    return (pkgutil.get_data(__name__, name) or b"").decode()


@dataclass(frozen=True, slots=True)
class Payload:
    """A text for a guest: its beginning belongs to one node, the rest is shared by many.

    The shared part is encoded only once.
    """

    start: str
    shared: str = ""

    @property
    def text(self) -> str:
        """The whole text."""
        return self.start + self.shared

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.start.encode()) + _size(self.shared)

    @property
    def base64(self) -> tuple[str, str]:
        """The text in base64, in two parts.

        The beginning borrows up to two bytes of the shared part, so that it is whole units.
        """
        start = self.start.encode()
        borrowed, rest = _encoded(self.shared, -len(start) % _BASE64_UNIT)
        return base64.b64encode(start + borrowed).decode(), rest


@lru_cache(_KEPT)
def _size(text: str) -> int:
    return len(text.encode())


@lru_cache(_BASE64_UNIT * _KEPT)
def _encoded(text: str, borrowed: int) -> tuple[bytes, str]:
    """Return the first bytes of a text, and the rest of it in base64."""
    data = text.encode()
    return data[:borrowed], base64.b64encode(data[borrowed:]).decode()


def payload(
    node: str, join: Join, kubelet_arguments: Iterable[str] = (), config: CloudConfig = _NO_CONFIG
) -> Payload:
    """Make the user data of one node.

    Values are literal in it, only quoted for a shell, so that people can read a diff. The user's
    `config` follows: its `bootcmd` entries in our list, the rest of it after that.
    """
    settings = {
        "node": node,
        "endpoint": join.endpoint,
        "authority": join.authority,
        "kubelet_arguments": " ".join(kubelet_arguments),
        "token_file": join.file,
    }
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in settings.items() if value]
    head = f"#cloud-config\nhostname: {scalar(node)}\nbootcmd:\n- |\n{_entry_head()}"
    file = _indented(_file("/run/krmfn/settings", "".join(lines)))
    return Payload(head + file, _shared(join, config))


def _file(path: str, content: str) -> str:
    """Write the shell command that writes a file."""
    return f"cat >{path} <<'{_END}'\n{content}{_END}\n"


@cache
def _entry_head() -> str:
    comment = "# krmfn: join the virtual cluster. At every boot; writes to /run alone."
    # A subshell keeps its umask, and a failure, from the user's commands after it.
    commands = "(\numask 077\nmkdir -p /run/krmfn /run/systemd/system\n"
    return _indented(f"{comment}\n{commands}")


@lru_cache(_KEPT)
def _shared(join: Join, config: CloudConfig) -> str:
    """Write what all nodes of a virtual cluster with this config share."""
    unit = "krmfn-join.service"
    parts = []
    if join.token:
        parts.append(_file("/run/krmfn/token", f"{join.token}\n"))
    if join.pem:
        parts.append(_file("/run/krmfn/ca.crt", join.pem))
    parts += [
        _file("/run/krmfn/join.sh", guest_file("join.sh")),
        _file(f"/run/systemd/system/{unit}", guest_file(unit)),
        f"systemctl daemon-reload\nsystemctl start --no-block {unit}\n",
        # This also saves the network file that cloud-init has just written from a power cut
        # (measured on Debian 13).
        "sync\n)\n",
    ]
    return _indented("".join(parts)) + config.boot + config.rest


def _indented(text: str) -> str:
    """Indent the lines of a text by two blanks, except for empty ones."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"  {line}\n" if line else "\n" for line in lines)
