"""The ways by which users bring what krmfn renders to a cluster, each with the real programs of that way."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.live.cluster import Cluster, Object
from tests.support import FIXTURES, ROOT, TOOLS, krmfn, objects

# What a folder of declarations holds that is not for krmfn.
_NOT_COPIED = shutil.ignore_patterns("expected.yaml", "kustomization.yaml")


class Client(ABC):
    """One repository, and the client that brings it to the cluster."""

    prunes: ClassVar[bool] = True
    patience = 90.0  # how many seconds a commit may take

    def __init__(self, cluster: Cluster, name: str, work: Path) -> None:
        self.cluster, self.name, self.work = cluster, name, work
        work.mkdir()

    @abstractmethod
    def sync(self, declarations: Path) -> str:
        """Commit a folder of declarations, wait until its objects are applied, and return what the client complains of."""

    def differences(self) -> list[str]:
        """What the client finds different when it looks again, with nothing committed."""
        return []


class Kubectl(Client):
    """krmfn render | kubectl apply."""

    prunes = False
    flags: ClassVar[list[str]] = []

    def sync(self, declarations: Path) -> str:
        done = render(declarations)
        if done.returncode:
            return done.stderr
        self._text = done.stdout
        applied = self.cluster.run("apply", *self.flags, "-f", "-", text=self._text)
        return applied.stderr if applied.returncode else ""

    def differences(self) -> list[str]:
        said = self.cluster.run("diff", *self.flags, "-f", "-", text=self._text)
        return [said.stdout + said.stderr] if said.returncode else []


class KubectlServerSide(Kubectl):
    flags: ClassVar[list[str]] = ["--server-side"]


class Argo(Client):
    """Argo CD, by the application that is shipped."""

    def __init__(self, cluster: Cluster, name: str, work: Path) -> None:
        super().__init__(cluster, name, work)
        self.folder = work / "nodes"
        self._git("init", "--quiet", "--initial-branch", "main")
        application = yaml.safe_load((ROOT / "argocd" / "application.yaml").read_text())
        application["metadata"]["name"] = name
        spec = application["spec"]
        spec["destination"] = {"server": "https://kubernetes.default.svc", "namespace": "default"}
        spec["source"] |= {"repoURL": f"file://{work}", "path": "nodes"}
        # A flat config is not found by its kind.
        spec["source"]["plugin"]["parameters"] = [{"name": "config", "string": "config.yaml"}]
        self.adapt(spec)
        self._application: Object | None = application

    def adapt(self, spec: Object) -> None:
        """Change the shipped application to another way of using Argo CD."""

    def write(self, declarations: Path, folder: Path) -> str:
        """Write what the repository holds, and return why that fails."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(declarations, folder, ignore=_NOT_COPIED)
        return ""

    def sync(self, declarations: Path) -> str:
        if failure := self.write(declarations, self.folder):
            return failure
        return self.commit()

    def commit(self) -> str:
        """Commit what stands in the repository, and wait until Argo CD is done with it."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", "a commit")
        revision = self._git("rev-parse", "HEAD").strip()
        if self._application:
            done = self.cluster.run("apply", "-f", "-", text=json.dumps(self._application))
            assert done.returncode == 0, done.stderr
            self._application = None
        end, outcome = time.monotonic() + self.patience, None
        while outcome is None and time.monotonic() < end:
            # Argo CD forgets a request that comes while it looks.
            self.refresh()
            self.cluster.wait(lambda: self._outcome(revision, patient=False) is not None, 10)
            # A failure may be that of the commit before for a while, which Argo CD still has.
            outcome = self._outcome(revision, patient=True)
        return f"not done: {self.status()}" if outcome is None else outcome

    def refresh(self) -> None:
        self.cluster.run("annotate", "application", self.name, "-n", "argocd", "--overwrite", "argocd.argoproj.io/refresh=hard")  # fmt: skip

    def status(self) -> Object:
        got = self.cluster.run("get", "application", self.name, "-n", "argocd", "-o", "json").stdout
        return dict(json.loads(got).get("status") or {})

    def _outcome(self, revision: str, patient: bool) -> str | None:
        """What the application complains of about a commit, or None as long as it is not done with it."""
        status = self.status()
        if patient:
            for condition in status.get("conditions", []):
                if condition["type"].endswith("Error"):
                    return str(condition["message"])
        if status.get("sync", {}).get("revision") != revision:
            return None
        operation = status.get("operationState", {})
        if operation.get("syncResult", {}).get("revision") == revision:
            if operation["phase"] in ("Failed", "Error"):
                return str(operation["message"])
            if operation["phase"] != "Succeeded":
                return None
        return "" if status["sync"]["status"] == "Synced" else None

    def differences(self) -> list[str]:
        status = self.status()
        if status["sync"]["status"] == "Synced":
            return []
        return [str(one) for one in status["resources"] if one.get("status") != "Synced"]

    def _git(self, *arguments: str) -> str:
        author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        return subprocess.run(
            ["git", *author, *arguments], cwd=self.work, check=True, capture_output=True, text=True
        ).stdout


class ArgoRendered(Argo):
    """Argo CD without the plugin and with its own defaults: rendered manifests, applied as kubectl does client-side."""

    def adapt(self, spec: Object) -> None:
        del spec["source"]["plugin"], spec["syncPolicy"]["syncOptions"]

    def write(self, declarations: Path, folder: Path) -> str:
        return rendered(declarations, folder)


class Flux(Client):
    """Flux's kustomize-controller; the artifact stands for the source-controller's."""

    def __init__(self, cluster: Cluster, name: str, work: Path) -> None:
        super().__init__(cluster, name, work)
        self.folder = work / "rendered"
        meta: Object = {"name": name, "namespace": "flux-system"}
        self._source: Object = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": meta,
            "spec": {"interval": "1h", "url": f"https://git.example.com/{name}.git"},
        }
        self.kustomization: Object = {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": meta,
            "spec": {
                "interval": "10m",
                "sourceRef": {"kind": "GitRepository", "name": name},
                "path": "./rendered",
                "prune": True,
                "wait": False,
            },
        }

    def sync(self, declarations: Path) -> str:
        failure = rendered(declarations, self.folder)
        return failure or self.commit()

    def commit(self) -> str:
        """Make an artifact of what stands in the repository, and wait until Flux is done with it."""
        file = self.work.with_suffix(".tar.gz")
        with tarfile.open(file, "w:gz") as archive:
            archive.add(self.work, ".")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        name = f"{self.name}-{digest}.tar.gz"
        shutil.move(file, self.cluster.folder / "flux" / name)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        revision = f"main@sha256:{digest}"
        artifact = {
            "path": self.name,
            "url": f"{self.cluster.artifacts}/{name}",
            "revision": revision,
            "digest": f"sha256:{digest}",
            "lastUpdateTime": now,
            "size": (self.cluster.folder / "flux" / name).stat().st_size,
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": now,
        }
        status = {"observedGeneration": 1, "conditions": [ready], "artifact": artifact}
        for one in (self._source, self.kustomization):
            self.cluster.run("apply", "-f", "-", text=json.dumps(one))
        self.cluster.run("patch", "gitrepository", self.name, "-n", "flux-system", "--subresource", "status", "--type", "merge", "-p", json.dumps({"status": status}))  # fmt: skip
        self.cluster.wait(lambda: self._outcome(revision) is not None, self.patience)
        outcome = self._outcome(revision)
        return "not done" if outcome is None else outcome

    def status(self) -> Object:
        got = self.cluster.run("get", "kustomization", self.name, "-n", "flux-system", "-o", "json").stdout  # fmt: skip
        return dict(json.loads(got).get("status") or {})

    def _outcome(self, revision: str) -> str | None:
        status = self.status()
        if status.get("lastAttemptedRevision") != revision:
            return None
        for condition in status.get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] != "Unknown":
                return "" if condition["status"] == "True" else str(condition["message"])
        return None

    def differences(self) -> list[str]:
        """What Flux applies once more: it tells of objects that it had to change."""
        before, handled = self._told(), f"{time.monotonic()}"
        self.cluster.run("annotate", "kustomization", self.name, "-n", "flux-system", "--overwrite", f"reconcile.fluxcd.io/requestedAt={handled}")  # fmt: skip
        assert self.cluster.wait(lambda: self.status().get("lastHandledReconcileAt") == handled, 90)
        return [one for one in self._told() if one not in before]

    def _told(self) -> list[str]:
        log = (self.cluster.folder / "logs" / "flux.log").read_text()
        return [
            line
            for line in log.splitlines()
            if f'"name": "{self.name}"' in line and ("configured" in line or "created" in line)
        ]


class KptLive(Client):
    """kpt fn render, and the engine of kpt live."""

    def __init__(self, cluster: Cluster, name: str, work: Path) -> None:
        super().__init__(cluster, name, work)
        self._inventory = ""

    def sync(self, declarations: Path) -> str:
        for file in self.work.glob("*.yaml"):
            file.unlink()
        shutil.copytree(declarations, self.work, ignore=_NOT_COPIED, dirs_exist_ok=True)
        return self.commit()

    def commit(self) -> str:
        pipeline = {"mutators": [{"exec": "krmfn", "configPath": "config.yaml"}]}
        package = {"apiVersion": "kpt.dev/v1", "kind": "Kptfile", "metadata": {"name": self.name}}
        (self.work / "Kptfile").write_text(yaml.safe_dump(package | {"pipeline": pipeline}))
        (self.work / ".krmignore").write_text("values.yaml\n")
        done = _run(TOOLS / "kpt", "fn", "render", "--allow-exec", self.work)
        if done.returncode:
            return done.stderr
        inventory = self.work / "inventory-template.yaml"
        if self._inventory:
            inventory.write_text(self._inventory)
        else:
            self._kapply("init", self.work)
            self._inventory = inventory.read_text()
        done = self._kapply("apply", self.work, "--server-side", "--reconcile-timeout", "20s", "--output", "events")  # fmt: skip
        inventory.unlink()
        # A machine that is not ready in time is applied all the same.
        failed = [line for line in (done.stdout + done.stderr).splitlines() if "failed" in line]
        return "\n".join(line for line in failed if "reconcile" not in line and "0 failed" not in line)  # fmt: skip

    def _kapply(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        config = self.cluster.folder / "admin.kubeconfig"
        return _run(self.cluster.programs / "kapply", *arguments, "--kubeconfig", config)


# Makes a repository of a client, by the client's key below and a name.
Connect = Callable[[str, str], Client]
CLIENTS: dict[str, type[Client]] = {
    "client": Kubectl,
    "server": KubectlServerSide,
    "argo": Argo,
    "argo-rendered": ArgoRendered,
    "flux": Flux,
    "kpt": KptLive,
}


def declared(case: str, prefix: str, where: Path) -> Path:
    """The declarations of a fixture, with namespaces of their own in the cluster."""
    shutil.copytree(FIXTURES / case, where, ignore=_NOT_COPIED)
    for file in where.iterdir():
        text = file.read_text()
        file.write_text(re.sub(r"\bnamespace: ([a-z0-9-]+)", rf"namespace: {prefix}-\1", text))
    return where


def provide(cluster: Cluster, declarations: Path) -> set[str]:
    """Make what declarations name and krmfn does not render; return the namespaces of their machines."""
    machines = [one for one in applied(declarations) if one["kind"] == "VirtualMachine"]
    found = {one["metadata"]["namespace"] for one in machines}
    text = "".join(file.read_text() for file in declarations.iterdir())
    for namespace in sorted({*re.findall(r"\bnamespace: ([a-z0-9-]+)", text), *found}):
        cluster.run("create", "namespace", namespace)
    cluster.provide(machines)
    return found


def render(declarations: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    return krmfn("render", *flags, "--config", str(declarations / "config.yaml"), str(declarations))


def rendered(declarations: Path, folder: Path) -> str:
    """Render declarations to files, as CI does before it commits them, and return why that fails."""
    done = render(declarations, "-o", str(folder), "--allow-plaintext-token")
    return done.stderr if done.returncode else ""


def applied(declarations: Path) -> list[Object]:
    """The objects that declarations give."""
    done = render(declarations)
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def _run(*command: Any) -> "subprocess.CompletedProcess[str]":
    # krmfn stands beside the Python that runs the tests.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": path},
    )
