"""A guest without a machine: a Debian root with the real cloud-init, booted in namespaces, and a TLS endpoint that it joins.

Real are cloud-init's four stages, the shell, curl and TLS. Stand-ins come first on the guest's PATH: `systemctl` records and queues the unit,
`sleep` records and takes no time, `mount` and `umount` bring the token's disk. `bootcmd` and `runcmd` run as root on this machine's kernel, with
the capabilities that change it dropped: boot known user data only.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import tempfile
import textwrap
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any

from krmfn.guest.cloud_config import CloudConfig, read, written
from krmfn.guest.join import Join
from krmfn.guest.user_data import NodeSettings, user_data_parts
from krmfn.problems import Collector, Place
from tests.support import ROOT

TOKEN = "guest0.0123456789abcdef"
KUBELET_FILES = ("etc/vcluster/vcluster-flags.env", "etc/default/kubelet", "etc/sysconfig/kubelet")
_PACKAGES = "ca-certificates,cloud-init,curl,dash,systemd"
_STAND_INS = {
    # As systemd does, it knows of a unit, and of its drop-ins, what stood there when it was last told to read them.
    "systemctl": """echo "$*" >>/run/stand-ins/systemctl
[ "$1" != daemon-reload ] || cat /run/systemd/system/krmfn-join.service /run/systemd/system/krmfn-join.service.d/*.conf >/run/stand-ins/unit 2>/dev/null || :""",
    # The script tries for ever: after as many pauses as a test waits for, the power goes.
    "sleep": """[ "${PAUSES:-}" ] || exec /bin/sleep "$@"
echo "$*" >>/run/stand-ins/sleep
[ "$(wc -l </run/stand-ins/sleep)" -lt "$PAUSES" ] || kill "$PPID" """,
    "mount": """echo "$*" >>/run/stand-ins/mount
[ "$*" = '-o ro /dev/disk/by-label/krmfn-join disk' ] && [ -d /opt/disk ] || exit 32
cp /opt/disk/* disk""",
    "umount": """echo "umount $*" >>/run/stand-ins/mount
rm -f "$1"/*""",
}
_ENTER = """set -eu
mount -t overlay overlay -o lowerdir=../root,upperdir=upper,workdir=work merged 2>/dev/null || {
    [ -e upper/usr/bin ] || cp -a --no-clobber ../root/. upper
    mount --bind upper merged
}
mount -t proc proc merged/proc
mount -t sysfs -o ro sysfs merged/sys
mount -t tmpfs tmpfs merged/dev
for node in null zero full random urandom; do
    touch "merged/dev/$node"
    mount --bind "/dev/$node" "merged/dev/$node"
done
if [ "$MAC" ]; then
    ip link add veth0 type veth peer name enp1s0 address "$MAC"
    ip link set veth0 up
    ip link set enp1s0 up
fi
exec setpriv --bounding-set -sys_module,-sys_boot,-sys_rawio,-sys_time,-net_admin chroot merged /bin/sh -c "$1"
"""
# As systemd does: the host name of the disk first, the unit after cloud-final.service, with the environment and the command that it names.
_BOOT = """cd /
mkdir -p /run/stand-ins /run/systemd/system
hostname -F /etc/hostname
for stage in 'init --local' init 'modules --mode=config' 'modules --mode=final'; do
    cloud-init $stage >/dev/null 2>&1
    echo $? >>/run/stand-ins/stages
done
unit=/run/stand-ins/unit
if grep -qxs 'start --no-block krmfn-join.service' /run/stand-ins/systemctl; then
    timeout 60 env -i PATH="$PATH" PAUSES="$PAUSES" $(sed -n 's/^Environment=//p' $unit) $(sed -n 's/^ExecStart=//p' $unit) 2>&1
fi
"""
# What the endpoint serves: it notes down, from inside, what a join script finds, and leaves what kubeadm leaves.
SCRIPT = f"""#!/bin/sh
mkdir -p /var/log/joined /etc/kubernetes
touch /etc/kubernetes/kubelet.conf
echo "$*" >>/var/log/joined/arguments
echo "$(hostname) $HOME" >>/var/log/joined/facts
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >/var/log/joined/processes
cd / && cp --parents {" ".join(KUBELET_FILES)} /var/log/joined 2>/dev/null || :
"""


def metadata(name: str, instance: str) -> str:
    """NoCloud metadata as KubeVirt writes it."""
    return json.dumps({"instance-id": instance, "local-hostname": name}, separators=(",", ":"))


@contextmanager
def alone(tools: Path) -> Iterator[None]:
    """What is built once for all is built by one process, while others wait."""
    tools.mkdir(exist_ok=True)
    with (tools / ".building").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def guests() -> Iterator[Path]:
    """A folder with an unpacked root, for guests to stand beside; the root is built once, of this machine's own release and sources."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    apt = Path("/etc/apt")
    sources = [
        file
        for file in sorted((*apt.glob("sources.list"), *apt.glob("sources.list.d/*")))
        if file.suffix in (".list", ".sources")
    ]
    options = [
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
    ]
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={_PACKAGES}",
        *options,
        release,
    ]
    tools = ROOT / ".tools"
    tar = tools / f"guest-root-{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}.tar"
    tools.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="guests-", dir=tools, ignore_cleanup_errors=True
    ) as folder:
        with alone(tools):
            if not tar.exists():
                subprocess.run([*command, f"{folder}/root.tar", *sources], check=True, timeout=900)
                Path(folder, "root.tar").rename(tar)
        root = Path(folder, "root")
        root.mkdir()
        subprocess.run(["tar", "-C", root, "-xf", tar], check=True, timeout=300)
        for name, script in _STAND_INS.items():
            file = root / "usr/local/sbin" / name
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)
        # Network and disks are this machine's own: cloud-init lets them be. The locale needs no generating.
        image = "network: {config: disabled}\ngrowpart: {mode: 'off'}\nresize_rootfs: false\nlocale: C.UTF-8\n"
        (root / "etc/cloud/cloud.cfg.d/99-image.cfg").write_text(image)
        yield Path(folder)


@dataclass(frozen=True)
class Boot:
    """One boot: the stages' exit codes, what the unit printed, and the calls of the stand-ins."""

    stages: list[str]
    said: str
    pauses: list[str]
    mounts: list[str]
    systemctl: list[str]


class Guest:
    """A disk that keeps what a boot leaves, but for /run."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="guest-", dir=folder))
        for name in ("upper", "work", "merged"):
            (self._folder / name).mkdir()

    def path(self, path: str) -> Path:
        """Where a file that a boot or a test has written is."""
        return self._folder / "upper" / path

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def lines(self, path: str) -> list[str]:
        return self.path(path).read_text().splitlines() if self.path(path).exists() else []

    def boot(
        self,
        text: str,
        pauses: int = 9,
        instance: str = "first",
        name: str = "from-metadata",
        mac: str = "",
        network: str = "",
    ) -> Boot:
        """Boot with this user data; a unit that does not end by itself is ended at its last pause.

        `name` is the machine's in KubeVirt's metadata. With `mac`, the guest has a network of its own, without an endpoint, of one interface. `network` is network data.
        """
        shutil.rmtree(self.path("run"), ignore_errors=True)
        # As it does with a disk, and not with a folder, cloud-init reads it anew at each boot.
        seed = {"meta-data": json.loads(metadata(name, instance)), "user-data": text}
        if network:
            seed["network-config"] = network
        file = "etc/cloud/cloud.cfg.d/98-seed.cfg"
        self.write(file, json.dumps({"datasource": {"NoCloud": seed}}))
        self.path(file).chmod(0o600)
        namespaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        if mac:
            namespaces.append("--net")
        environment = {
            "MAC": mac,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PAUSES": str(pauses),
        }
        done = subprocess.run(
            [*namespaces, "sh", "-c", _ENTER, "sh", _BOOT],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert not done.stderr, done.stderr
        stages, slept, mounted, called = (
            self.lines(f"run/stand-ins/{name}")
            for name in ("stages", "sleep", "mount", "systemctl")
        )
        return Boot(stages, done.stdout, slept, mounted, called)


class Authority:
    """A certificate authority and the certificate that it gives this machine, by its loopback and by what QEMU calls it."""

    def __init__(self, folder: Path) -> None:
        new = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        own = ["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority"]
        given = [
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-keyout",
            "key",
            "-out",
            "crt",
            "-subj",
            "/CN=endpoint",
        ]
        for arguments in (
            own,
            [
                *given,
                "-addext",
                "subjectAltName=IP:127.0.0.1,IP:10.0.2.2",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        ):
            subprocess.run(
                [*new, *arguments], cwd=folder, capture_output=True, check=True, timeout=60
            )
        self.pem = (folder / "ca.crt").read_text()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "crt", folder / "key")


@dataclass(frozen=True)
class Answer:
    """A reply; with `missing`, that many bytes of the announced length never come."""

    status: int = 200
    body: str = SCRIPT
    location: str = ""
    missing: int = 0


def _is_below(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another: the guests of other tests run beside it, and are none of its business."""
    while pid not in (0, ancestor):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == ancestor


@dataclass
class Endpoint:
    """What it answers: `answers` in turn, the last for ever, and 401 to a wrong token. And what it saw.

    `processes` are the arguments of the guest's processes while curl waits for an answer.
    """

    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    requests: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def answer(self, path: str) -> Answer:
        self.requests.append(path)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.readlink(process / "ns/pid") != os.readlink(
                    "/proc/self/ns/pid"
                ) and _is_below(int(process.name), os.getpid()):
                    self.processes.append(
                        (process / "cmdline")
                        .read_bytes()
                        .replace(b"\0", b" ")
                        .decode(errors="replace")
                    )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if path.endswith(f"?token={TOKEN}") else Answer(401, "unknown token\n")


@contextmanager
def serving(endpoint: Endpoint, tls: ssl.SSLContext | None) -> Iterator[None]:
    """Answer on a port of loopback, over TLS or plainly."""

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[socket, Any]:
            connection, address = super().get_request()
            endpoint.connections += 1
            connection.settimeout(10)
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = endpoint.answer(self.path)
            self.send_response(answer.status)
            if answer.location:
                self.send_header("Location", answer.location)
            body = answer.body.encode()
            self.send_header("Content-Length", str(len(body) + answer.missing))
            self.end_headers()
            self.wfile.write(body)

        # A plain one can be taken for a proxy.
        do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


NO_CONFIG = written({}, [])


def user_data(
    node: str | None,
    join: Join,
    kubelet_arguments: Iterable[str] = (),
    config: CloudConfig = NO_CONFIG,
    interface: str = "",
) -> str:
    """The user data of a node, or, without a name, of all nodes of a pool."""
    settings = NodeSettings(node, tuple(kubelet_arguments), interface)
    return "".join(user_data_parts(settings, join, config))


def proxy_recipe(proxy: str = "") -> CloudConfig:
    """The drop-in for a proxy that docs/not-joined.md gives, with another proxy."""
    page = (ROOT / "docs/not-joined.md").read_text()
    [recipe] = re.findall(r"(?s)```yaml\n( *#cloud-config\n.*?)```", page)
    text = textwrap.dedent(recipe)
    if proxy:
        text = text.replace("http://proxy.example.com:3128", proxy)
    problems = Collector()
    data = read(text, Place(), problems, header=True)
    assert not problems
    return written(data, [])
