"""What tests ask of the control plane, with the real kubectl."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Object = dict[str, Any]
MODES = ("client", "server")
# What is written to a cluster differs by how: kubectl's own three-way patch, or the API server's apply.
_FLAGS: dict[str, list[str]] = {"client": [], "server": ["--server-side"]}


class Cluster:
    def __init__(self, programs: Path, folder: Path) -> None:
        config = str(folder / "admin.kubeconfig")
        self._kubectl = [str(programs / "kube"), "kubectl", "--kubeconfig", config]

    def run(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._kubectl, *arguments], input=text, capture_output=True, text=True, timeout=120
        )

    def apply(self, objects: Iterable[Object], mode: str) -> str:
        """Apply objects, their namespaces first, and return what kubectl complains of."""
        found = list(objects)
        for namespace in {one["metadata"]["namespace"] for one in found}:
            self.run("create", "namespace", namespace)
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
        return self.run("apply", *_FLAGS[mode], "-f", "-", text=text).stderr

    def live(self, namespace: str) -> str:
        """The machines and Secrets of a namespace, as an export with all that the server knows."""
        kinds = "virtualmachines,secrets"
        return self.run("get", kinds, "-n", namespace, "-o", "yaml", "--show-managed-fields").stdout

    def machines(self, namespace: str) -> dict[str, Object]:
        listed = self.run("get", "virtualmachines", "-n", namespace, "-o", "json").stdout
        return {one["metadata"]["name"]: one for one in json.loads(listed)["items"]}

    def wait(self, what: Callable[[], bool], seconds: float = 60) -> bool:
        """Whether something is so, at last."""
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def all_run(self, namespace: str) -> bool:
        """Whether every machine of a namespace runs."""
        return all(status(one) == "Running" for one in self.machines(namespace).values())


def status(machine: Object) -> str:
    return str(machine.get("status", {}).get("printableStatus", ""))


def restart_required(machine: Object) -> bool:
    conditions = machine.get("status", {}).get("conditions", [])
    return any(one["type"] == "RestartRequired" and one["status"] == "True" for one in conditions)
