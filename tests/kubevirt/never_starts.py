"""Machines that KubeVirt admits and that never start, and some like them that do.

`tests/kubevirt/test_never_starts.py` holds krmfn to this table, `tests/live` a cluster.
"""

import json
from typing import Any

from tests.support import changed

Object = dict[str, Any]
NAMESPACE = "never-starts"
INNER = "spec.template.spec"
STORAGE: Object = {"resources": {"requests": {"storage": "1Gi"}}}
IMAGE: Object = {"registry": {"url": "docker://x"}}
GOOD: Object = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "good", "namespace": NAMESPACE},
    "spec": {
        "runStrategy": "Always",
        "template": {
            "spec": {
                "domain": {
                    "memory": {"guest": "1Gi"},
                    "cpu": {"cores": 1},
                    "resources": {"requests": {"memory": "1Gi"}},
                    "devices": {
                        "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                        "interfaces": [{"name": "default", "masquerade": {}}],
                    },
                },
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [{"name": "root", "containerDisk": {"image": "x:1"}}],
            }
        },
    },
}


def _inner(*fields: tuple[str, Any]) -> Object:
    vm = GOOD
    for path, value in fields:
        vm = changed(vm, f"{INNER}.{path}", value)
    return vm


def _disk(spec: Object) -> Object:
    vm = changed(GOOD, f"{INNER}.volumes.0", {"name": "root", "dataVolume": {"name": "NAME"}})
    return changed(vm, "spec.dataVolumeTemplates", [{"metadata": {"name": "NAME"}, "spec": spec}])


def _source(source: Object) -> Object:
    return _disk({"source": source, "storage": STORAGE})


def _toleration(toleration: Object) -> Object:
    return _inner(("tolerations", [toleration]))


def _size(size: str) -> Object:
    return {"resources": {"requests": {"storage": size}}}


_PORTS = ("domain.devices.interfaces.0.ports", [{"name": "http", "port": 80}])
_HTTP = ("readinessProbe", {"httpGet": {"port": "http"}})
TAKEN: dict[str, Object] = {
    "good": GOOD,
    "good-disk": _source(IMAGE),
    "small-disk": _disk({"source": IMAGE, "storage": _size("1Mi")}),
    "one-mode": _disk({"source": IMAGE, "pvc": {**STORAGE, "accessModes": ["ReadWriteOnce"]}}),
    "named-port": _inner(_PORTS, _HTTP),
    "most-port": _inner(("readinessProbe", {"tcpSocket": {"port": 65535}})),
    "labels": _inner(("nodeSelector", {"example.com/a": "", "b": "c.d_e-f"}), ("tolerations", [{"operator": "Exists"}])),
}  # fmt: skip
# With each, the field whose fault it is.
BROKEN: dict[str, tuple[Object, str]] = {
    "selector-key": (_inner(("nodeSelector", {"a b": "c"})), "nodeSelector[a b]"),
    "selector-value": (_inner(("nodeSelector", {"a": "b c!"})), "nodeSelector.a"),
    "toleration-key": (_toleration({"key": "a b", "operator": "Exists"}), "tolerations[0].key"),
    "toleration-no-key": (_toleration({"value": "a"}), "tolerations[0].operator"),
    "toleration-value": (_toleration({"key": "a", "operator": "Exists", "value": "b"}), "tolerations[0].value"),
    "toleration-no-label": (_toleration({"key": "a", "value": "b c"}), "tolerations[0].value"),
    "toleration-seconds": (_toleration({"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}), "tolerations[0].tolerationSeconds"),
    "probe-0": (_inner(("readinessProbe", {"tcpSocket": {"port": 0}})), "readinessProbe.tcpSocket.port"),
    "probe-big": (_inner(("livenessProbe", {"httpGet": {"port": 70000}})), "livenessProbe.httpGet.port"),
    "probe-digits": (_inner(("readinessProbe", {"httpGet": {"port": "80"}})), "readinessProbe.httpGet.port"),
    "resource": (_inner(("domain.resources.requests.gpu", "1")), "domain.resources.requests.gpu"),
    "image": (_inner(("volumes.0.containerDisk.image", "")), "volumes[0].containerDisk.image"),
    "image-space": (_inner(("volumes.0.containerDisk.image", " x:1")), "volumes[0].containerDisk.image"),
    "cpu-model": (_inner(("domain.cpu.model", "a b")), "domain.cpu.model"),
    "priority-class": (_inner(("priorityClassName", "A b")), "priorityClassName"),
    "architecture": (_inner(("architecture", "x86_64")), "architecture"),
    "url": (_source({"registry": {"url": "quay.io/x/y"}}), "source.registry.url"),
    "no-mode": (_disk({"source": IMAGE, "pvc": STORAGE}), "pvc.accessModes"),
    "two-modes": (_disk({"source": IMAGE, "pvc": {**STORAGE, "accessModes": ["ReadWriteOnce", "ReadWriteMany"]}}), "pvc.accessModes"),
    "no-size": (_disk({"source": IMAGE, "storage": {}}), "storage.resources.requests.storage"),
    "size-0": (_disk({"source": IMAGE, "storage": _size("0")}), "storage.resources.requests.storage"),
    "small-size": (_disk({"source": IMAGE, "storage": _size("1Ki")}), "storage.resources.requests.storage"),
    "http": (_source({"http": {"url": "ftp://x/y"}}), "source.http.url"),
    "imageio": (_source({"imageio": {"url": "https://x", "diskId": "1", "secretRef": "s"}}), "source.imageio.certConfigMap"),
}  # fmt: skip


def named(vm: Object, name: str) -> Object:
    """A machine of the table under a name of its own, with a disk of its own."""
    text = json.dumps(changed(vm, "metadata.name", name))
    found: Object = json.loads(text.replace("NAME", f"{name}-disk"))
    return found
