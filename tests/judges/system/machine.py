"""A whole machine: a Debian disk, booted by QEMU without KVM, that finds its user data on a disk as KubeVirt makes it.

Real is all but KubeVirt: kernel, systemd, cloud-init that finds its disk by label, DHCP, reboots, and the power that goes.
"""

import hashlib
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.judges.system.guest_root import alone, metadata
from tests.support import ROOT

# Where a guest of QEMU's user network finds this machine's loopback.
HOST = "10.0.2.2"
FINISHED = " finished at "
_KERNELS = {"debian": "linux-image-cloud-amd64", "ubuntu": "linux-image-kvm"}
_PACKAGES = "systemd-sysv,cloud-init,ifupdown,isc-dhcp-client,ca-certificates,curl,dbus"
_PATIENCE = 400


@contextmanager
def disks() -> Iterator[Path]:
    """A folder with `disk`, `vmlinuz` and `initrd`; the disk is built once, of this machine's own release and sources."""
    system = platform.freedesktop_os_release()
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
    include = f"--include={_PACKAGES},{_KERNELS[system['ID']]}"
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        include,
        *options,
        system["VERSION_CODENAME"],
    ]
    tools = ROOT / ".tools"
    kept = tools / f"machine-{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}"
    with alone(tools):
        if not kept.exists():
            with tempfile.TemporaryDirectory(
                prefix="machine-", dir=tools, ignore_cleanup_errors=True
            ) as work:
                _build(Path(work), [*command, f"{work}/root.tar", *map(str, sources)])
                Path(work, "made").rename(kept)
    with tempfile.TemporaryDirectory(
        prefix="machines-", dir=tools, ignore_cleanup_errors=True
    ) as folder:
        for name in ("vmlinuz", "initrd", "disk"):
            Path(folder, name).symlink_to(kept / name)
        yield Path(folder)


def _build(work: Path, command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=900)
    root, made = work / "root", work / "made"
    root.mkdir()
    made.mkdir()
    subprocess.run(["tar", "-C", root, "-xf", work / "root.tar"], check=True, timeout=300)
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    # The locale needs no generating, and nothing else may be waited for.
    (root / "etc/cloud/cloud.cfg.d/99-image.cfg").write_text(
        "datasource_list: [NoCloud]\nlocale: C.UTF-8\ncloud_config_modules: []\n"
    )
    for name in ("vmlinuz", "initrd"):
        shutil.copy(
            next(
                path for path in sorted((root / "boot").iterdir()) if path.name.startswith(name[:6])
            ),
            made / name,
        )
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-d", root, made / "disk", "3G"], check=True, timeout=300
    )


class Machine:
    """A machine with a disk of its own, which stays while its power comes and goes."""

    def __init__(self, folder: Path) -> None:
        self._base = folder
        self._folder = Path(tempfile.mkdtemp(prefix="machine-", dir=folder))
        subprocess.run(
            ["cp", "--sparse=always", "-L", folder / "disk", self._folder / "disk"],
            check=True,
            timeout=120,
        )
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> str:
        """What this boot has printed."""
        return (self._folder / "console").read_text(errors="replace")

    def _image(self, label: str, files: dict[str, str]) -> Path:
        image, source = self._folder / f"{label}.iso", self._folder / label
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        for name, text in files.items():
            (source / name).write_text(text)
        command: list[str | Path] = [
            "xorriso",
            "-as",
            "mkisofs",
            "-quiet",
            "-output",
            image,
            "-volid",
            label,
            "-joliet",
            "-rock",
            source,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return image

    def start(
        self,
        user_data: str,
        token: str = "",
        instance: str = "first",
        name: str = "from-metadata",
    ) -> None:
        """Power on, with this user data, and with a disk that holds the token if there is one."""
        files = {"user-data": user_data, "meta-data": metadata(name, instance)}
        images = [self._image("cidata", files)]
        if token:
            images.append(self._image("krmfn-join", {"token": token}))
        drives = [f"file={self._folder / 'disk'},if=virtio,format=raw"]
        drives += [f"file={image},if=virtio,format=raw,readonly=on" for image in images]
        # A /dev/kvm that does not work hangs the guest: it is never asked for.
        command: list[str | Path] = [
            "qemu-system-x86_64",
            "-accel",
            "tcg",
            "-cpu",
            "qemu64",
            "-smp",
            "1",
            "-m",
            "768",
            "-no-reboot",
            "-display",
            "none",
        ]
        command += [
            "-kernel",
            self._base / "vmlinuz",
            "-initrd",
            self._base / "initrd",
            "-serial",
            f"file:{self._folder / 'console'}",
        ]
        command += [
            "-append",
            "root=/dev/vda rw console=ttyS0 quiet loglevel=1 systemd.show_status=false systemd.mask=apt-daily.timer",
        ]
        command += [argument for drive in drives for argument in ("-drive", drive)]
        command += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"]
        (self._folder / "console").write_text("")
        self._running = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait until something has happened; fails with the end of the console where it does not, or the machine stops."""
        end = time.monotonic() + _PATIENCE
        while not until():
            stopped = self._running is None or self._running.poll() is not None
            assert not stopped and time.monotonic() < end, self.console[-4000:]  # noqa: PT018 - one reason to stop
            time.sleep(0.5)

    def printed(self, text: str) -> Callable[[], bool]:
        """Whether this boot has printed a text."""
        return lambda: text in self.console

    def cut(self) -> None:
        """The power goes: what the guest has not written to its disk is lost."""
        if self._running:
            self._running.kill()
            self._running.wait()
        self._running = None
