"""Declarations of two clusters and three tenants, before and after a change that has every verdict."""

from pathlib import Path
from typing import Any

import yaml

from tests.support import CLAIM, CONFIG, SECRET, changed, krmfn

TENANTS = ("lab", "search", "shop")
# The pool of a node type, and how many nodes it has before and after the change.
POOLS = {
    "west": {
        "shop": [("web", "small", 3, 5), ("cache", "cores", 3, 3), ("old", "small", 2, 0), ("disks", "disk", 2, 2)],
        "search": [("index", "team", 2, 2), ("cold", "stopping", 1, 1), ("warm", "starting", 1, 1), ("off", "halted", 1, 1)],
        "lab": [("memory", "memory", 2, 2), ("sized", "instancetype", 1, 1)],
    },
    "east": {"search": [("edge", "standard", 4, 4)]},
}  # fmt: skip
ROOT_DISK = {"name": "root", "disk": {"bus": "virtio"}}


def _template(**domain: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"domain": domain}}}}


def _disk(size: str) -> list[Any]:
    image = {"registry": {"url": "docker://quay.io/containerdisks/ubuntu:24.04"}}
    storage = {"resources": {"requests": {"storage": size}}}
    return [{"metadata": {"name": "root"}, "spec": {"source": image, "storage": storage}}]


def _instance(**domain: Any) -> dict[str, Any]:
    spec = {
        "domain": {**domain, "devices": {"disks": [ROOT_DISK]}},
        "volumes": [{"name": "root", "dataVolume": {"name": "root"}}],
    }
    return {"dataVolumeTemplates": _disk("20Gi"), "template": {"spec": spec}}


def _node_types(after: bool) -> list[dict[str, Any]]:
    """The node types of `west`: what changes in one says which verdict its machines have."""
    instancetype = {"name": "large" if after else "medium", "revisionName": "v1"}
    patches: dict[str, Any] = {
        "small": {},
        "cores": _template(cpu={"cores": 4 if after else 2}),
        "memory": _template(memory={"guest": "8Gi" if after else "4Gi"}),
        "team": {"metadata": {"labels": {"team": "blue" if after else "green"}}},
        "disk": {"spec": {"dataVolumeTemplates": _disk("40Gi" if after else "20Gi")}},
        "stopping": {"spec": {"runStrategy": "Halted" if after else "Always"}},
        "starting": {"spec": {"runStrategy": "Always" if after else "Halted"}},
        "halted": {"spec": {"runStrategy": "Halted", **_template(cpu={"cores": 4 if after else 2})["spec"]}},
    }  # fmt: skip
    types: list[dict[str, Any]] = []
    for name, patch in patches.items():
        types.append({"name": name, "maxCapacity": 9, "mergeVirtualMachineTemplate": patch})
    replaced = {"spec": {"instancetype": instancetype, **_instance()}}
    resources = {"cpu": "2", "memory": "4Gi"}
    named = {"name": "instancetype", "resources": resources, "virtualMachineTemplate": replaced}
    return [*types, named]


def _provider(name: str, namespace: str, types: list[dict[str, Any]]) -> dict[str, Any]:
    template = {"spec": _instance(cpu={"cores": 2}, memory={"guest": "4Gi"})}
    spec = {
        "clusterRef": {"cluster": f"kubevirt-{name}", "namespace": namespace},
        "virtualMachineTemplate": template,
        "nodeTypes": types,
    }
    return {
        "apiVersion": "management.loft.sh/v1",
        "kind": "NodeProvider",
        "metadata": {"name": name},
        "spec": {"kubeVirt": spec},
    }


def _tenant(name: str, after: bool, times: int) -> dict[str, Any]:
    nodes = []
    for provider, tenants in POOLS.items():
        static = []
        for pool, node_type, before, later in tenants.get(name, []):
            count = (later if after else before) * times
            selector = [{"property": "vcluster.com/node-type", "value": node_type}]
            static.append({"name": pool, "quantity": count, "nodeTypeSelector": selector})
        nodes.append({"provider": provider, "static": static})
    text = yaml.safe_dump({"privateNodes": {"enabled": True, "autoNodes": nodes}})
    labels = {"krmfn.dev/vcluster": name}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "p-default", "labels": labels},
        "data": {"vcluster.yaml": text},
    }


def declarations(after: bool, times: int = 1) -> list[dict[str, Any]]:
    """All that is declared, with so many times the nodes of `POOLS`."""
    types = _node_types(after)
    for node_type in types[:-1]:
        node_type["maxCapacity"] *= times
    tenant = CONFIG["spec"]["virtualClusters"][0]
    clusters = [{**tenant, "name": name, "endpoint": f"{name}.example.com"} for name in TENANTS]
    hard = {"requests.storage": f"{430 * times}Gi", "requests.memory": f"{100 * times}Gi"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "compute", "namespace": "machines"},
        "spec": {"hard": hard},
    }
    claim = changed(CLAIM, "metadata.name", "lab-extra")
    claim["spec"] = {"providerRef": "west", "typeRef": "small", "vClusterRef": "lab"}
    tenants = [_tenant(name, after, times) for name in TENANTS]
    west = _provider("west", "machines", types)
    east = _provider("east", "edge", [{"name": "standard"}])
    config = changed(CONFIG, "spec.virtualClusters", clusters)
    return [config, SECRET, west, east, quota, claim, *tenants]


def write_states(folder: Path, times: int = 1) -> Path:
    """Write `after`, and `before` as `out` has it rendered."""
    for name, after in (("before", False), ("after", True)):
        (folder / name).mkdir()
        text = yaml.safe_dump_all(declarations(after, times))
        (folder / name / "all.yaml").write_text(text)
    done = krmfn("render", "before", "-o", "out", "--allow-plaintext-token", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder
