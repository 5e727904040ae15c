"""What tests ask of the control plane, with the real kubectl."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Object = dict[str, Any]


class Cluster:
    """A control plane that `programs` run in a folder."""

    artifacts: str  # the address of the folder `flux`, once Flux is there

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        config = str(folder / "admin.kubeconfig")
        self._kubectl = [str(programs / "kube"), "kubectl", "--kubeconfig", config]

    def run(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._kubectl, *arguments], input=text, capture_output=True, text=True, timeout=120
        )

    def apply(self, objects: Iterable[Object]) -> str:
        """Apply objects, their namespaces first, and return what kubectl complains of."""
        if not (found := list(objects)):
            return ""
        for namespace in {one["metadata"]["namespace"] for one in found}:
            self.run("create", "namespace", namespace)
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
        return self.run("apply", "-f", "-", text=text).stderr

    def provide(self, machines: Iterable[Object]) -> None:
        """Make what machines name and krmfn does not render: data sources and networks."""
        needed: dict[str, Object] = {}
        for machine in machines:
            spec, own = machine["spec"], machine["metadata"]["namespace"]
            for entry in spec.get("dataVolumeTemplates", []):
                if reference := entry["spec"].get("sourceRef"):
                    source = {"source": {"pvc": {"name": "image", "namespace": own}}}
                    one = _object("cdi.kubevirt.io/v1beta1", "DataSource", reference["name"], reference.get("namespace", own), source)  # fmt: skip
                    needed[str(one["metadata"])] = one
            for network in spec["template"]["spec"].get("networks", []):
                if name := network.get("multus", {}).get("networkName"):
                    namespace, _, name = name.rpartition("/")
                    one = _object("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", name, namespace or own, {"config": "{}"})  # fmt: skip
                    needed[str(one["metadata"])] = one
        complaints = self.apply(needed.values())
        assert "rror" not in complaints, complaints

    def configure(self, configuration: Object) -> None:
        """Change KubeVirt's own configuration, and give its controllers time to read it."""
        patch = json.dumps({"spec": {"configuration": configuration}})
        self.run("patch", "kubevirt", "kubevirt", "-n", "kubevirt", "--type", "merge", "-p", patch)
        time.sleep(2)

    def live(self, namespace: str) -> str:
        """The machines and Secrets of a namespace, as an export with all that the server knows."""
        kinds = "virtualmachines,secrets"
        return self.run("get", kinds, "-n", namespace, "-o", "yaml", "--show-managed-fields").stdout

    def listed(self, kind: str, namespace: str) -> list[Object]:
        got = self.run("get", kind, "-n", namespace, "-o", "json").stdout
        return list(json.loads(got)["items"])

    def watch(self, kind: str, namespace: str) -> "subprocess.Popen[str]":
        """Start to print event, name and resource version of each change, until it is terminated."""
        line = '{.type} {.object.metadata.name} {.object.metadata.resourceVersion}{"\\n"}'
        asked = ["get", kind, "-n", namespace, "--watch-only", "--output-watch-events", "-o", f"jsonpath={line}"]  # fmt: skip
        return subprocess.Popen([*self._kubectl, *asked], stdout=subprocess.PIPE, text=True)

    def machines(self, namespace: str) -> dict[str, Object]:
        machines = self.listed("virtualmachines", namespace)
        return {one["metadata"]["name"]: one for one in machines}

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


def _object(version: str, kind: str, name: str, namespace: str, spec: Object) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}


def status(machine: Object) -> str:
    return str(machine.get("status", {}).get("printableStatus", ""))


def restart_required(machine: Object) -> bool:
    conditions = machine.get("status", {}).get("conditions", [])
    return any(one["type"] == "RestartRequired" and one["status"] == "True" for one in conditions)
