"""What an API server refuses of the pod in which KubeVirt runs a machine.

KubeVirt admits the machine and its instance, and then can't make the pod: the machine stays
starting for ever. The rules are Kubernetes' own for pods.
"""

from __future__ import annotations

from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import Findings, choice, elements, finding, rule
from krmfn.kubevirt.vm_paths import CPU, DEVICES, INSTANCE, RESOURCES, VOLUMES, Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, show

_MOST_PORT = 65535
# Resources that need no domain before their name.
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_STANDARD_PREFIX = "hugepages-"
_DOWNWARD = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_DOWNWARD_KEY = pattern(r"metadata\.(annotations|labels)\['[^']+'\]")


@rule("pod-node-selector")
def _node_selector(vm: Map) -> Findings:
    """Node selectors are labels. (KubeVirt takes others, and the pod can't be made.)"""
    for key, value in (get(vm, (*INSTANCE, "nodeSelector")) or {}).items():
        message = names.label_key(key) or names.label_value(value)
        yield from finding((*INSTANCE, "nodeSelector", key), message)


@rule("pod-tolerations")
def _tolerations(vm: Map) -> Findings:
    """A toleration's key is a label's, and none only with Exists; Exists has no value, and
    `tolerationSeconds` goes with NoExecute. (KubeVirt takes others, and the pod can't be made.)
    """
    for path, toleration in elements(vm, (*INSTANCE, "tolerations")):
        key, value = toleration.get("key") or "", toleration.get("value") or ""
        exists = toleration.get("operator") == "Exists"
        if key:
            yield from finding((*path, "key"), names.label_key(key))
        elif not exists:
            yield (*path, "operator"), "must be Exists without a key"
        if exists and value:
            yield (*path, "value"), "can't stand beside operator: Exists"
        elif not exists:
            yield from finding((*path, "value"), names.label_value(value))
        if "tolerationSeconds" in toleration and toleration.get("effect") != "NoExecute":
            yield (*path, "tolerationSeconds"), "needs the effect NoExecute"


@rule("pod-probes")
def _probes(vm: Map) -> Findings:
    """A probe's port is a number from 1 to 65535, or the name of an interface's port. (KubeVirt
    takes others, and the pod can't be made, or its probe finds no port.)
    """
    interfaces = elements(vm, (*DEVICES, "interfaces"))
    ports = [port for _, each in interfaces for _, port in elements(each, ("ports",))]
    named = {port.get("name") for port in ports if port.get("name")}
    for kind in ("livenessProbe", "readinessProbe"):
        for handler in ("httpGet", "tcpSocket"):
            path = (*INSTANCE, kind, handler)
            if get(vm, path) is None:
                continue
            port = get(vm, (*path, "port"))
            is_number = isinstance(port, int) and 0 < port <= _MOST_PORT
            is_name = isinstance(port, str) and port in named
            if not is_number and not is_name:
                message = f"is {show(port)}; must be a number, 1 to {_MOST_PORT}"
                other = ", or the name of an interface's port" if isinstance(port, str) else ""
                yield (*path, "port"), message + other


@rule("pod-resources")
def _resources(vm: Map) -> Findings:
    """Requested resources are cpu, memory, ephemeral-storage, hugepages-…, or have a domain as
    nvidia.com/gpu. (KubeVirt takes others, and the pod can't be made.)
    """
    for kind in ("requests", "limits"):
        for name in get(vm, (*RESOURCES, kind)) or {}:
            is_standard = name in _STANDARD or name.startswith(_STANDARD_PREFIX)
            if not is_standard and ("/" not in name or names.label_key(name)):
                message = "is not a resource of a pod; a device has a domain, as nvidia.com/gpu"
                yield (*RESOURCES, kind, name), message


@rule("pod-volumes")
def _volumes(vm: Map) -> Findings:
    """A container disk has an image; a downward API volume's files have a path in it and a field
    that pods have. (KubeVirt takes others, and the pod can't be made.)
    """
    for path, volume in elements(vm, VOLUMES):
        image = get(volume, ("containerDisk", "image"))
        if "containerDisk" in volume and (not image or image != image.strip()):
            message = f"is {show(image)}; must be an image" if image else "is required"
            yield (*path, "containerDisk", "image"), message
        for at, file in elements(volume, ("downwardAPI", "fields"), path):
            yield from _file(file, at)


def _file(file: Map, path: Path) -> Findings:
    """Yield what is wrong with a file of a downward API volume."""
    inner = file.get("path") or ""
    if not inner or inner.startswith("/") or ".." in inner.split("/"):
        yield (*path, "path"), f"is {show(inner)}; must be a relative path without .."
    field = get(file, ("fieldRef", "fieldPath"))
    if "fieldRef" in file and not _is_downward(field):
        yield from choice((*path, "fieldRef", "fieldPath"), field, _DOWNWARD)


def _is_downward(field: Any) -> bool:
    """Tell whether a field path is one that volumes can show."""
    return field in _DOWNWARD or bool(_DOWNWARD_KEY.fullmatch(field or ""))


@rule("pod-cpu-model")
def _cpu_model(vm: Map) -> Findings:
    """The CPU model has no characters that labels don't have: KubeVirt selects nodes by it.
    (KubeVirt takes others, and the pod can't be made.)
    """
    model = get(vm, (*CPU, "model"))
    if model and (fault := names.label_value(model)):
        yield (*CPU, "model"), fault


@rule("pod-priority-class")
def _priority_class(vm: Map) -> Findings:
    """`priorityClassName` is a DNS name. (KubeVirt takes others, and the pod can't be made.)"""
    name = get(vm, (*INSTANCE, "priorityClassName"))
    if name:
        yield from finding((*INSTANCE, "priorityClassName"), names.subdomain(name))


RULES = (_priority_class, _node_selector, _tolerations, _probes, _resources, _volumes, _cpu_model)
