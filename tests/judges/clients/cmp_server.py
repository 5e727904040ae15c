"""The real argocd-cmp-server, and what Argo CD's repo-server says to it.

The messages are those of cmpserver/plugin/plugin.proto and reposerver/repository/repository.proto of Argo CD v3.5.1, by field numbers.
The environment is made as its repo-server makes it (`getPluginEnvs`, `populatePluginAppDetails`).
"""

import gzip
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import grpc  # type: ignore[import-untyped]
import yaml

from tests.support import TOOLS

SERVICE = "/plugin.ConfigManagementPluginService/"
REVISION = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 1 << 10
# Argo CD's own limit (ARGOCD_GRPC_MAX_SIZE_MB).
OPTIONS = [
    ("grpc.default_authority", "localhost"),
    ("grpc.max_receive_message_length", 100 * 2**20),
]
# One of spec.source.plugin.parameters: name and one of string, array and map.
Parameter = Mapping[str, Any]


class PluginError(Exception):
    """What Argo CD shows where a plugin failed."""


class Server:
    """One argocd-cmp-server with one plugin, in a folder of its own, until the end of a `with`."""

    def __init__(self, plugin: str, env: Mapping[str, str] | None = None) -> None:
        # pytest's own folders are too long for the path of a socket.
        self._folder = tempfile.TemporaryDirectory(prefix="cmp-", dir="/tmp")
        folder = Path(self._folder.name)
        for name in ("cfg", "sock", "work", "home"):
            (folder / name).mkdir()
        (folder / "cfg" / "plugin.yaml").write_text(plugin)
        described = yaml.safe_load(plugin)
        version = described["spec"].get("version")
        self._socket = (
            folder
            / "sock"
            / f"{described['metadata']['name']}{f'-{version}' if version else ''}.sock"
        )
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [TOOLS / "argocd-cmp-server", "--config-dir-path", folder / "cfg"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    "HOME": str(folder / "home"),
                    "ARGOCD_PLUGINSOCKFILEPATH": str(folder / "sock"),
                    "ARGOCD_CMP_WORKDIR": str(folder / "work"),
                    **(env or {}),
                },
            )

    def __enter__(self) -> Self:
        end = time.monotonic() + 60
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                log = self.log
                self._stop()
                raise RuntimeError(f"argocd-cmp-server did not start: {log}")
            time.sleep(0.02)
        self._channel = grpc.insecure_channel(f"unix:{self._socket}", options=OPTIONS)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._stop()

    def _stop(self) -> None:
        # At SIGTERM it takes its socket away and goes on.
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()

    @property
    def log(self) -> str:
        """What the server has logged so far, a JSON object a line."""
        return self._log.read_text()

    def generate(
        self,
        repository: Path,
        path: str = ".",
        *,
        app: str = "nodes",
        parameters: Iterable[Parameter] | None = None,
        env: Mapping[str, str] | None = None,
        api_versions: Iterable[str] = ("v1", "kubevirt.io/v1"),
        timeout: float = 60,
    ) -> list[dict[str, Any]]:
        """The manifests that the plugin makes of an application's folder, as Argo CD reads them.

        `parameters` and `env` are those of `spec.source.plugin`; `env` reaches the plugin as `ARGOCD_ENV_<name>`.

        Raises:
            PluginError: the plugin failed, with the text that Argo CD shows.
        """
        variables = {
            **_application(app, path),
            "ARGOCD_APP_NAMESPACE": "argocd",
            "ARGOCD_APP_PROJECT_NAME": "default",
            "ARGOCD_APP_REVISION": REVISION,
            "ARGOCD_APP_REVISION_SHORT": REVISION[:7],
            "ARGOCD_APP_REVISION_SHORT_8": REVISION[:8],
            "KUBE_VERSION": "1.33.4",
            "KUBE_API_VERSIONS": ",".join(api_versions),
            **_plugin(parameters, env),
        }
        reply = self._call("GenerateManifest", repository, path, variables, timeout)
        return [json.loads(value) for number, value in _fields(reply) if number == 1]

    def announced(
        self,
        repository: Path,
        path: str = ".",
        *,
        app: str = "nodes",
        parameters: Iterable[Parameter] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> list[dict[str, Any]]:
        """The parameters that the plugin announces for an application's folder, for Argo CD's forms.

        Raises:
            PluginError: the plugin failed, with the text that Argo CD shows.
        """
        variables = {**_application(app, path), **_plugin(parameters, env)}
        reply = self._call("GetParametersAnnouncement", repository, path, variables, timeout)
        return [_announcement(value) for number, value in _fields(reply) if number == 1]

    def matches(
        self, repository: Path, path: str = ".", *, app: str = "nodes", timeout: float = 60
    ) -> bool:
        """Whether the plugin's discovery takes an application's folder for its own.

        Raises:
            PluginError: the discovery failed, with the text that Argo CD logs.
        """
        reply = self._call("MatchRepository", repository, path, _application(app, path), timeout)
        return any(number == 1 and value for number, value in _fields(reply))

    def _call(
        self, method: str, repository: Path, path: str, variables: Mapping[str, str], timeout: float
    ) -> bytes:
        call = self._channel.stream_unary(SERVICE + method)
        try:
            # The sidecar listens some moments after its socket is there.
            reply: bytes = call(
                _stream(repository, path, variables), timeout=timeout, wait_for_ready=True
            )
        except grpc.RpcError as error:
            raise PluginError(error.details()) from None
        return reply


def _application(app: str, path: str) -> dict[str, str]:
    return {
        "ARGOCD_APP_NAME": app,
        "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example.com/nodes.git",
        "ARGOCD_APP_SOURCE_PATH": path,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "HEAD",
    }


def _plugin(
    parameters: Iterable[Parameter] | None, env: Mapping[str, str] | None
) -> dict[str, str]:
    """The variables of `spec.source.plugin`. Without parameters Argo CD sends `null`."""
    listed = None if parameters is None else [dict(parameter) for parameter in parameters]
    variables = {f"ARGOCD_ENV_{name}": value for name, value in (env or {}).items()}
    variables["ARGOCD_APP_PARAMETERS"] = json.dumps(
        listed or None, separators=(",", ":"), ensure_ascii=False
    )
    for parameter in listed or []:
        name = f"PARAM_{_escaped(parameter['name'])}"
        if "string" in parameter:
            variables[name] = parameter["string"]
        variables |= {
            f"{name}_{_escaped(key)}": value for key, value in parameter.get("map", {}).items()
        }
        variables |= {
            f"{name}_{index}": value for index, value in enumerate(parameter.get("array", []))
        }
    return variables


def _escaped(name: str) -> str:
    return re.sub("[^A-Z0-9_]", "_", name.upper())


def _stream(repository: Path, path: str, variables: Mapping[str, str]) -> Iterator[bytes]:
    """The requests: what is sent, then the repository as a .tar.gz in pieces."""
    archive = _archive(repository)
    metadata = [
        _field(1, Path(path).name or repository.name),
        _field(2, path),
        _field(3, hashlib.sha256(archive).hexdigest()),
        _varint(4 << 3) + _varint(len(archive)),
        *(_field(5, _field(1, name) + _field(2, value)) for name, value in variables.items()),
    ]
    yield _field(1, b"".join(metadata))
    for start in range(0, len(archive), CHUNK):
        yield _field(2, _field(1, archive[start : start + CHUNK]))


def _archive(repository: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in sorted(repository.rglob("*")):
            tar.add(file, file.relative_to(repository).as_posix(), recursive=False)
    return gzip.compress(packed.getvalue(), mtime=0)


def _varint(value: int) -> bytes:
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def _field(number: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """A message's fields: text and messages as bytes, numbers as int. There are no others in what is read here."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, varint()
            continue
        assert wire == 2, f"field {number} has wire type {wire}"
        size = varint()
        yield number, message[at : at + size]
        at += size


def _announcement(message: bytes) -> dict[str, Any]:
    """A ParameterAnnouncement, with the keys that a plugin writes; what is not set is left out."""
    names = {1: "name", 2: "title", 3: "tooltip", 5: "itemType", 6: "collectionType", 7: "string"}
    found: dict[str, Any] = {}
    for number, value in _fields(message):
        if number == 4:
            found["required"] = bool(value)
        elif number == 8:
            found.setdefault("array", []).append(value.decode())
        elif number == 9:
            pair = dict(_fields(value))
            found.setdefault("map", {})[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
        else:
            found[names[number]] = value.decode()
    return found
