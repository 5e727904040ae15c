"""The container image, built by `make image` from the Dockerfile and run by real engines, as kustomize, kpt and Argo CD run it.

No registry is needed: the base is made of this machine's own release, and what pip installs is fetched beforehand, so the build has no network.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn import __version__
from tests.judges.system.guest_root import alone
from tests.support import FIXTURES, ROOT, TOOLS, krmfn, kustomize, objects

pytestmark = pytest.mark.system
EPOCH = 1_700_000_000
REVISION, SOURCE = "0123456789abcdef0123456789abcdef01234567", "https://git.example.com/krmfn"
CONTEXT = (
    "Dockerfile",
    ".dockerignore",
    "Makefile",
    "pyproject.toml",
    "uv.lock",
    "LICENSE",
    "krmfn",
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TAGS = [".".join(__version__.split(".")[:parts]) for parts in (1, 2, 3)]
PACKAGE = (FIXTURES / "package" / "input.yaml").read_text()
# As kustomize and kpt call an engine, and with nothing to write to; capabilities are Argo CD's to drop.
CONFINED = (
    "--network=none",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
# crun and docker don't start where cgroups are hybrid.
_STORAGE = (
    '[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
)
_CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


def ran(
    *command: str | Path, stdin: str = "", cwd: Path = ROOT, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, cwd=cwd, timeout=600, check=False
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@dataclass(frozen=True)
class Image:
    """An image in the engines' store, what was saved of it, and the sources that it was built of."""

    name: str
    folder: Path
    context: Path

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        return ran(
            "podman",
            "run",
            "--rm",
            "--interactive",
            *CONFINED,
            *options,
            self.name,
            *arguments,
            stdin=stdin,
            check=False,
        )

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", "/")

    def manifest(self) -> dict[str, Any]:
        [manifest] = json.loads((self.folder / "index.json").read_text())["manifests"]
        found: dict[str, Any] = json.loads(self.blob(manifest["digest"]).read_text())
        return found

    def layers(self) -> list[str]:
        return [layer["digest"] for layer in self.manifest()["layers"]]

    def files(self) -> dict[str, tarfile.TarInfo]:
        [layer] = self.layers()
        with tarfile.open(self.blob(layer)) as archive:
            return {f"/{member.name}".rstrip("/"): member for member in archive.getmembers()}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """An image with this machine's own Python; a store that is kept in .tools, where the engines find it."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    options = [
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("locale", "man")),
    ]
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=python3,python3-venv",
        *options,
        release,
    ]
    folder = (
        ROOT
        / ".tools"
        / f"containers-{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}"
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONTAINERS_STORAGE_CONF", str(folder / "storage.conf"))
        environment.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        environment.setenv("BUILDAH_ISOLATION", "chroot")
        with alone(folder.parent):
            folder.mkdir(exist_ok=True)
            (folder / "storage.conf").write_text(
                _STORAGE.format(folder=folder, driver=driver(folder))
            )
            (folder / "containers.conf").write_text(_CONTAINERS)
            if not known("localhost/krmfn-base"):
                sources = [
                    file
                    for file in sorted(Path("/etc/apt").glob("sources.list*/**/*"))
                    if file.suffix in (".list", ".sources")
                ]
                ran(
                    *command,
                    folder / "root.tar",
                    *filter(Path.exists, [Path("/etc/apt/sources.list"), *sources]),
                )
                container = ran("buildah", "from", "scratch").stdout.strip()
                ran("buildah", "add", "--quiet", container, folder / "root.tar")
                ran("buildah", "commit", "--quiet", "--rm", container, "localhost/krmfn-base")
                (folder / "root.tar").unlink()
        yield "localhost/krmfn-base"


def driver(folder: Path) -> str:
    """Overlays where this machine can mount them: copies (vfs) are three times as slow."""
    for name in ("lower", "upper", "work"):
        (folder / "probe" / name).mkdir(parents=True, exist_ok=True)
    mount = [
        "mount",
        "-t",
        "overlay",
        "overlay",
        "-o",
        "lowerdir=lower,upperdir=upper,workdir=work",
        "upper",
    ]
    done = subprocess.run(
        ["unshare", "--mount", *mount], cwd=folder / "probe", capture_output=True, check=False
    )
    return "vfs" if done.returncode else "overlay"


def known(image: str) -> bool:
    return ran("podman", "image", "exists", image, check=False).returncode == 0


def copied(root: Path, context: Path) -> Path:
    context.mkdir()
    for name in CONTEXT:
        source = root / name
        ignored = shutil.ignore_patterns("__pycache__")
        (
            shutil.copytree(source, context / name, ignore=ignored)
            if source.is_dir()
            else shutil.copy(source, context)
        )
    return context


def wheels(base: str, folder: Path) -> Path:
    """All that the Dockerfile installs, for the base's Python; pip holds each to the hashes of the lock file."""
    version = ran(
        "podman",
        "run",
        "--rm",
        *CONFINED,
        base,
        "python3",
        "-c",
        "import sys; print('%d.%d' % sys.version_info[:2])",
    ).stdout.strip()
    uv = " ".join(re.findall(r"uv==\S+|--hash=\S+", (ROOT / "Dockerfile").read_text()))
    export = ("export", "--quiet", "--frozen", "--no-cache", "--no-dev", "--no-emit-project")
    locked = ran(Path(sys.executable).parent / "uv", *export).stdout
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{uv}\n{locked}")
    platforms = [f"--platform=manylinux_2_{minor}_{platform.machine()}" for minor in (17, 28)]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    ran(
        *pip,
        f"--python-version={version}",
        *platforms,
        f"--dest={folder}",
        f"--requirement={requirements}",
    )
    return folder


def build(
    context: Path, base: str, name: str, wheels: Path, target: str = "", kustomize: str = ""
) -> None:
    arguments = f"--volume {wheels}:/wheels:ro --build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/wheels"
    if kustomize:
        arguments += f" --build-arg KUSTOMIZE={kustomize} --build-arg CI_BASE={base}"
    settings = {
        "IMAGE": name,
        "BASE": base,
        "REVISION": REVISION,
        "SOURCE": SOURCE,
        "SOURCE_DATE_EPOCH": EPOCH,
        "BUILD_ARGS": arguments,
        "TARGET": target,
    }
    ran("make", "image", *(f"{key}={value}" for key, value in settings.items()), cwd=context)


def saved(name: str, folder: Path, context: Path) -> Image:
    ran("podman", "save", "--quiet", "--format=oci-dir", f"--output={folder}", name)
    return Image(name, folder, context)


@pytest.fixture(scope="module")
def image(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of today's sources, built once for all processes that test it and kept until the sources change."""
    tmp_path = tmp_path_factory.mktemp("image")
    context = copied(ROOT, tmp_path / "context")
    state = hashlib.sha256(EPOCH.to_bytes(8, "big"))
    for file in sorted(path for path in context.rglob("*") if path.is_file()):
        state.update(
            f"{file.relative_to(context)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
        )
    name = f"localhost/krmfn-{state.hexdigest()[:12]}"
    store = Path(os.environ["CONTAINERS_STORAGE_CONF"]).parent
    with (store / ".users").open("w") as users:
        with alone(store):
            if not known(f"{name}:v{__version__}"):
                drop_unused(users.fileno(), base)
                (tmp_path / "wheels").mkdir()
                build(context, base, name, wheels(base, tmp_path / "wheels"))
            fcntl.flock(users, fcntl.LOCK_SH)
        yield saved(f"{name}:v{__version__}", tmp_path / "saved", context)


def drop_unused(users: int, base: str) -> None:
    """Take away what was built of earlier sources, unless another process still tests it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    images = ran("podman", "images", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    if old := [name for name in images if not name.startswith(f"{base}:")]:
        ran("podman", "rmi", "--force", *old)


def test_the_same_sources_make_the_same_layers(image: Image, base: str, tmp_path: Path) -> None:
    # As somebody else's machine would have it: other times, other modes, and what lies about.
    context = copied(image.context, tmp_path / "context")
    (context / ".git").mkdir()
    for noise in (
        context / ".git" / "config",
        context / "krmfn" / "platform" / "__pycache__" / "model.pyc",
    ):
        noise.parent.mkdir(exist_ok=True)
        noise.write_text("noise")
    for path in context.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))
    (tmp_path / "wheels").mkdir()
    name = f"{image.name.partition(':')[0]}-again"
    build(context, base, name, wheels(base, tmp_path / "wheels"))
    again = saved(f"{name}:v{__version__}", tmp_path / "saved", context)
    ran("podman", "rmi", *(f"{name}:v{tag}" for tag in TAGS))
    assert again.manifest() == image.manifest()


def test_tags_name_the_version_and_nothing_floats_further(image: Image) -> None:
    names = ran("podman", "images", "--format={{.Repository}} {{.Tag}}").stdout.splitlines()
    tags = [name.split()[1] for name in names if name.split()[0] == image.name.partition(":")[0]]
    assert sorted(tags) == sorted(f"v{tag}" for tag in TAGS)


def test_labels_and_settings(image: Image) -> None:
    config = json.loads(image.blob(image.manifest()["config"]["digest"]).read_text())["config"]
    prefix = "org.opencontainers.image."
    labels = {
        key.removeprefix(prefix): value
        for key, value in config["Labels"].items()
        if key.startswith(prefix)
    }
    assert labels == {
        "title": PROJECT["name"],
        "description": PROJECT["description"],
        "licenses": PROJECT["license"],
        "version": PROJECT["version"],
        "revision": REVISION,
        "source": SOURCE,
    }
    assert config["User"] == "65534:65534"
    assert config["Entrypoint"] == ["/usr/local/bin/krmfn"]
    assert config["Env"] == ["PATH=/usr/local/bin"]
    assert "Cmd" not in config


def test_what_is_written_twice_agrees() -> None:
    dockerfile, makefile = ((ROOT / name).read_text() for name in ("Dockerfile", "Makefile"))
    [uv] = re.findall(r"uv==(\S+)", dockerfile)
    assert f"UV_VERSION := {uv}\n" in makefile
    assert f"\nARG VERSION={__version__}\n" in dockerfile


def test_nothing_is_in_it_that_krmfn_does_not_need(image: Image) -> None:
    files = image.files()
    names = {Path(path).name for path in files}
    unwanted = "sh dash bash busybox su mount apt pip uv setuptools ensurepip pytest gcc cc ld tests fixtures .git Dockerfile"
    assert not names & {*unwanted.split(), "libssl.so.3", "libcrypto.so.3"}
    assert not [path for path in files if re.search(r"/pip(3|/|-)|\.(a|h|whl)$", path)]
    assert {path for path in files if "/bin/" in path and not path.endswith("/python3")} == {
        "/usr/local/bin/krmfn",
        *(path for path in files if re.fullmatch(r"/usr/bin/python3\.\d+", path)),
    }
    for path, member in files.items():
        assert (member.uid, member.gid) == (0, 0), path
        assert member.issym() or not member.mode & 0o7022, path
        assert member.issym() or member.mode & 0o444 == 0o444, path
        assert member.isfile() or member.isdir() or member.issym(), path
        assert member.mtime == EPOCH, path


def test_links_lead_somewhere(image: Image) -> None:
    files = image.files()
    for path, member in files.items():
        if member.issym():
            assert os.path.normpath(Path(path).parent / member.linkname) in files, path


def test_all_bytecode_is_there_and_no_time_is_compared(image: Image) -> None:
    [layer] = image.layers()
    sources, compiled = set(), set()
    with tarfile.open(image.blob(layer)) as archive:
        for member in archive:
            path = Path(member.name)
            if path.suffix == ".py":
                sources.add(path)
            elif path.suffix == ".pyc":
                compiled.add(path.parent.parent / f"{path.name.partition('.')[0]}.py")
                file = archive.extractfile(member)
                assert file
                assert int.from_bytes(file.read(8)[4:], "little") == 1, (
                    f"{path} is checked against its source"
                )
    assert sources == compiled
    assert len([path for path in sources if "krmfn" in path.parts]) == len(
        list((ROOT / "krmfn").rglob("*.py"))
    )


def test_scanners_find_every_package(image: Image) -> None:
    files = image.files()
    [layer] = image.layers()
    with tarfile.open(image.blob(layer)) as archive:
        found = {
            name: archive.extractfile(name) for name in ("var/lib/dpkg/status", "etc/os-release")
        }
        status, release = (file.read().decode() for file in found.values() if file)
    packages = re.findall(r"^Package: (\S+)$", status, re.MULTILINE)
    assert {"libc6", "zlib1g"} < set(packages)
    assert len(packages) == len(set(packages)) < 20
    assert not [name for name in packages if f"/usr/share/doc/{name}/copyright" not in files]
    assert re.search(r"^VERSION_CODENAME=", release, re.MULTILINE)
    installed = {Path(path).name.partition("-")[0] for path in files if path.endswith(".dist-info")}
    assert installed == {
        "annotated_types",
        "click",
        "pydantic",
        "pydantic_core",
        "pyyaml",
        "typing_extensions",
        "typing_inspection",
    }


@pytest.mark.parametrize("user", ["65534:65534", "nobody", "999:999", "54321:54321", "0:0"])
def test_any_user_gets_the_hosts_output(image: Image, user: str) -> None:
    here = krmfn(stdin=PACKAGE)
    done = image.run(options=(f"--user={user}", "--unsetenv=HOME", "--workdir=/usr"), stdin=PACKAGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, here.stdout, here.stderr)
    assert done.stdout == (FIXTURES / "package" / "expected.yaml").read_text()


@pytest.mark.parametrize("case", ["cloud-init", "three-tenants"])
def test_a_command_reads_a_mounted_folder(image: Image, case: str) -> None:
    done = image.run(
        "render", ".", options=(f"--volume={FIXTURES / case}:/work:ro", "--workdir=/work")
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (FIXTURES / case / "expected.yaml").read_text()


def test_a_folders_files_and_variables_change_nothing(image: Image, tmp_path: Path) -> None:
    folder = tmp_path / "größe"
    shutil.copytree(FIXTURES / "minimal", folder)
    for name in ("click", "yaml", "sitecustomize", "krmfn"):
        (folder / f"{name}.py").write_text("raise SystemExit(9)\n")
    options = (
        "--env=PYTHONPATH=/größe",
        "--env=PYTHONHOME=/größe",
        "--env=LC_ALL=C",
        f"--volume={folder}:/größe:ro",
        "--workdir=/größe",
    )
    done = image.run("render", "/größe", options=options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (FIXTURES / "minimal" / "expected.yaml").read_text()


def test_the_program_is_on_the_path_where_the_entry_point_is_another(image: Image) -> None:
    done = image.run(
        "-c",
        "import subprocess; subprocess.run(['krmfn', '--version'])",
        options=("--entrypoint=python3", "--user=999"),
    )
    assert (done.returncode, done.stdout) == (0, f"krmfn, version {__version__}\n"), done.stderr


def test_errors_come_through(image: Image) -> None:
    wrong = PACKAGE.replace("typeRef: ", "typeRef: no-", 1)
    assert wrong != PACKAGE
    here, done = krmfn(stdin=wrong), image.run(stdin=wrong)
    assert (done.returncode, done.stdout, done.stderr) == (1, here.stdout, here.stderr)
    assert done.stderr.startswith("error: ")
    assert image.run("no-such-command").returncode == 2


def test_a_time_out_is_told(image: Image, tmp_path: Path) -> None:
    name = f"krmfn-{os.getpid()}"
    command = ["podman", "run", "--rm", "--interactive", f"--name={name}", *CONFINED, image.name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # As process 1 it gets no signal before it asks for it.
        for _ in range(100):
            ran("podman", "kill", "--signal=TERM", name, check=False)
            time.sleep(0.2)
            if process.poll() is not None:
                break
        assert process.stdout
        assert process.stderr
        assert process.wait(10) == 143
        assert process.stdout.read() == ""
        assert process.stderr.read().startswith("error: terminated by the caller (SIGTERM)")


def containerized(folder: Path, image: str, case: str = "minimal") -> Path:
    """A fixture whose config names the image in place of the program."""
    shutil.copytree(FIXTURES / case, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["metadata"]["annotations"] = {
        "config.kubernetes.io/function": yaml.safe_dump({"container": {"image": image}})
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `docker` that is podman: what kustomize and kpt call."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "docker"
    program.write_text('#!/bin/sh\nexec podman "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("case", ["minimal", "generator"])
def test_kustomize_runs_it(image: Image, tmp_path: Path, case: str) -> None:
    folder = containerized(tmp_path / "case", image.name, case)
    built = ran(TOOLS / "kustomize", "build", "--enable-alpha-plugins", folder, check=False)
    assert built.returncode == 0, built.stderr
    assert objects(built.stdout)
    assert built.stdout == kustomize(FIXTURES / case).stdout


@pytest.mark.usefixtures("docker")
def test_kustomize_shows_its_errors(image: Image, tmp_path: Path) -> None:
    folder = containerized(tmp_path / "case", image.name)
    claims = folder / "claims.yaml"
    claims.write_text(claims.read_text().replace("typeRef: small", "typeRef: large"))
    built = ran(TOOLS / "kustomize", "build", "--enable-alpha-plugins", folder, check=False)
    assert (built.returncode, built.stdout) == (1, "")
    assert (
        'error: NodeClaim p-default/tenant-1-a: spec.typeRef: is "large"; the provider has small'
        in built.stderr
    )


@pytest.fixture(scope="module")
def kustomize_program() -> Iterator[str]:
    """An image with kustomize, as its own one has it."""
    container = ran("buildah", "from", "scratch").stdout.strip()
    ran("buildah", "copy", "--quiet", container, TOOLS / "kustomize", "/app/kustomize")
    program = f"localhost/krmfn-kustomize-program-{os.getpid()}"
    ran("buildah", "commit", "--quiet", "--rm", container, program)
    yield program
    ran("podman", "rmi", "--force", program)


def variant(target: str, image: Image, base: str, program: str, folder: Path) -> str:
    """Build a variant of the image, and return its name."""
    folder.mkdir()
    name = f"{image.name.partition(':')[0]}-{target}"
    build(image.context, base, name, wheels(base, folder), target, program)
    return name


def test_the_variant_with_kustomize_builds_an_overlay(
    image: Image, base: str, kustomize_program: str, tmp_path: Path
) -> None:
    name = variant("kustomize", image, base, kustomize_program, tmp_path / "wheels")
    folder = shutil.copytree(FIXTURES / "minimal", tmp_path / "nodes")
    done = ran(
        "podman",
        "run",
        "--rm",
        *CONFINED,
        "--tmpfs=/tmp:exec",
        "--user=999",
        f"--volume={folder}:/nodes:ro",
        "--workdir=/nodes",
        f"{name}:v{__version__}",
        "generate",
        "-k",
        ".",
    )
    assert objects(done.stdout) == objects(kustomize(folder).stdout)
    ran("podman", "rmi", "--force", *(f"{name}:v{tag}" for tag in TAGS))


def test_the_variant_for_ci_runs_the_commands_of_a_pipeline(
    image: Image, base: str, kustomize_program: str, tmp_path: Path
) -> None:
    """A pipeline starts a shell in it, and in that krmfn and kustomize."""
    name = variant("ci", image, base, kustomize_program, tmp_path / "wheels")
    work = shutil.copytree(FIXTURES / "minimal", tmp_path / "nodes")
    (work / "krmfn.pth").write_text("import sys; sys.exit('a file of the repository ran')")
    script = (
        "krmfn generate -k . >out && kustomize version && krmfn check out && krmfn init example"
    )
    done = ran(
        "podman", "run", "--rm", "--network=none", f"--volume={work}:/nodes", "--workdir=/nodes", "--env=PYTHONPATH=/nodes",
        f"{name}:v{__version__}", "sh", "-euc", script,
    )  # fmt: skip
    assert "1 virtual machine checked, 0 refused" in done.stdout
    assert (work / "example" / "nodes.yaml").exists()
    ran("podman", "rmi", "--force", *(f"{name}:v{tag}" for tag in TAGS))
