"""The benchmark's inputs, and what the peers need to make the same objects of them. All of it goes to bench/.work/."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests import support  # noqa: E402
from tests.support import CLAIM, CONFIG, SECRET, changed  # noqa: E402

HERE = Path(__file__).parent
WORK = HERE / ".work"
TOOLS = ROOT / ".tools" / "bin"
PYTHON = str(ROOT / ".venv" / "bin" / "python")
KRMFN = [str(ROOT / ".venv" / "bin" / "krmfn")]
_TEMPLATE = yaml.safe_load("""
spec:
  dataVolumeTemplates:
  - metadata: {name: root}
    spec:
      source: {registry: {url: "docker://quay.io/containerdisks/ubuntu:24.04"}}
      storage: {resources: {requests: {storage: 20Gi}}}
  template:
    spec:
      domain:
        cpu: {cores: 1}
        memory: {guest: 2Gi}
        devices:
          disks: [{name: root, disk: {bus: virtio}}]
          interfaces: [{name: nodes, bridge: {}}]
      networks: [{name: nodes, multus: {networkName: nodes}}]
      terminationGracePeriodSeconds: 60
      volumes: [{name: root, dataVolume: {name: root}}]
""")
_PATCH = yaml.safe_load("""
spec: {template: {spec: {domain: {cpu: {cores: 4}, memory: {guest: 8Gi}}, nodeSelector: {zone: a}}}}
""")
PROVIDER = changed(
    changed(support.PROVIDER, "spec.kubeVirt.virtualMachineTemplate", _TEMPLATE),
    "spec.kubeVirt.nodeTypes",
    [{"name": "small", "mergeVirtualMachineTemplate": _PATCH}],
)
# The name that stands for every claim's while the peers' templates are made.
_NAME = "claim-to-be-named"


@dataclass(frozen=True, slots=True)
class Case:
    """One job: what each program runs, and what it reads. `same` are those whose objects must be krmfn's."""

    name: str
    commands: dict[str, list[str]]
    source: bytes = b""
    folder: Path = WORK
    same: tuple[str, ...] = ()
    runs: int = 5
    environment: dict[str, str] = field(default_factory=dict)


def resource_list(items: Iterable[dict[str, Any]], config: dict[str, Any] = CONFIG) -> bytes:
    """A ResourceList as kustomize writes it."""
    head = yaml.safe_dump(
        {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": config},
        sort_keys=False,
    )
    return (head + "items:\n" + yaml.dump(list(items), Dumper=yaml.CSafeDumper)).encode()


def claims(count: int) -> list[dict[str, Any]]:
    """A provider, a token, and claims that differ in their name alone."""
    return [
        PROVIDER,
        SECRET,
        *(changed(CLAIM, "metadata.name", f"node-{number}") for number in range(count)),
    ]


def unlike(count: int) -> list[dict[str, Any]]:
    """Claims that differ in taints, labels, properties and order, so that nothing is shared that should not be needed."""
    made = []
    for number in range(count):
        claim = changed(CLAIM, "metadata.name", f"node-{number}")
        claim["metadata"]["labels"] = {f"label-{number}": f"value-{number}"}
        claim["spec"]["taints"] = [
            {"key": f"taint-{number}", "value": str(number), "effect": "NoSchedule"}
        ]
        claim["spec"]["properties"] = {"topology.kubernetes.io/zone": f"zone-{number}"}
        made.append(claim)
    half = len(made) // 2
    return [*made[half:][::-1], PROVIDER, *made[:half], SECRET]


def pool(count: int) -> list[dict[str, Any]]:
    """A provider, a token, and nothing else: the nodes are a pool's of the config."""
    return [PROVIDER, SECRET]


def pool_config(count: int) -> dict[str, Any]:
    """A config whose virtual cluster has one static pool."""
    values = {
        "privateNodes": {
            "enabled": True,
            "autoNodes": [{"provider": "edge", "static": [{"name": "workers", "quantity": count}]}],
        }
    }
    return changed(CONFIG, "spec.virtualClusters.0.values", values)


def tenants(folder: Path, count: int, nodes: int, types: int) -> None:
    """A folder of tenants, each with its pools, and one provider with many node types."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    node_types = [
        {"name": f"type-{number}", "resources": {"cpu": 1 + number, "memory": f"{2 + number}Gi"}}
        for number in range(types)
    ]
    documents: list[dict[str, Any]] = [
        changed(PROVIDER, "spec.kubeVirt.nodeTypes", node_types),
        SECRET,
    ]
    clusters = []
    for tenant in range(count):
        name = f"tenant-{tenant:03}"
        static = [
            {
                "name": f"pool-{number}",
                "quantity": nodes // 4,
                "nodeTypeSelector": [_selector(f"type-{(tenant + 5 * number) % types}")],
            }
            for number in range(4)
        ]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(vcluster_yaml(name, static)))
        clusters.append(virtual_cluster(name))
    documents.append(changed(CONFIG, "spec.virtualClusters", clusters))
    (folder / "all.yaml").write_text(yaml.safe_dump_all(documents))


def virtual_cluster(name: str) -> dict[str, Any]:
    """A tenant in the config, whose token stays in the cluster."""
    return {
        "name": name,
        "endpoint": f"{name}.example.com",
        "joinToken": {"delivery": "Disk", "secretKeyRef": {"name": f"{name}-join"}},
        "certificateAuthority": {"system": True},
    }


def _selector(name: str) -> dict[str, str]:
    return {"property": "vcluster.com/node-type", "value": name}


def vcluster_yaml(name: str, pools: list[dict[str, Any]]) -> dict[str, Any]:
    """The ConfigMap with a tenant's vcluster.yaml, which has some static pools."""
    entry = {"provider": "edge", "static": pools}
    values = {"privateNodes": {"enabled": True, "autoNodes": [entry]}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"krmfn.dev/vcluster": name}},
        "data": {"vcluster.yaml": yaml.safe_dump(values)},
    }


def templates(source: bytes) -> tuple[Path, Path]:
    """What the peers fill in: the manifests that krmfn makes of the one claim of a ResourceList, and its user data, with holes."""
    made = subprocess.run(KRMFN, input=source, capture_output=True, check=True).stdout
    objects = [
        item
        for item in yaml.safe_load(made)["items"]
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by")
    ]
    [secret] = [value for value in objects if value["kind"] == "Secret"]
    user_data = base64.b64decode(secret["data"]["userdata"]).decode().replace(_NAME, "NAME")
    secret["data"]["userdata"] = "USERDATA"
    files = WORK / "files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "manifests.yaml").write_text(
        yaml.safe_dump_all(objects, sort_keys=False).replace(_NAME, "NAME")
    )
    (files / "userdata.txt").write_text(user_data)
    return files / "manifests.yaml", files / "userdata.txt"


def build_peers() -> None:
    """Build the Go function and helm, where they are not there."""
    environment = {
        **os.environ,
        "GOPATH": str(ROOT / ".tools" / "go"),
        "GOCACHE": str(ROOT / ".tools" / "go-cache"),
        "GOBIN": str(TOOLS),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
    }
    subprocess.run(
        ["go", "build", "-trimpath", "-o", str(TOOLS / "peer"), "."],
        cwd=HERE / "peers",
        env=environment,
        check=True,
    )
    if not (TOOLS / "helm").exists():
        subprocess.run(
            ["go", "install", "helm.sh/helm/v3/cmd/helm@v3.19.4"], env=environment, check=True
        )


def cases() -> list[Case]:
    """All cases, with their inputs written."""
    WORK.mkdir(exist_ok=True)
    [named] = [claim for claim in claims(1) if claim["kind"] == "NodeClaim"]
    manifests, user_data = map(
        str, templates(resource_list([PROVIDER, SECRET, changed(named, "metadata.name", _NAME)]))
    )
    chart = WORK / "chart"
    shutil.rmtree(chart, ignore_errors=True)
    shutil.copytree(HERE / "peers" / "chart", chart)
    shutil.copytree(WORK / "files", chart / "files")
    peers = {
        "go": [str(TOOLS / "peer"), user_data],
        "floor": [PYTHON, str(HERE / "peers" / "floor.py"), manifests, user_data],
    }
    found = [Case("bare interpreter", {"krmfn": [PYTHON, "-c", "pass"]})]
    for count in (1, 10, 100, 1_000, 10_000):
        values = WORK / f"values-{count}.yaml"
        values.write_text(yaml.safe_dump({"claims": [f"node-{number}" for number in range(count)]}))
        helm = [str(TOOLS / "helm"), "template", "peer", str(chart), "-f", str(values)]
        commands = {"krmfn": KRMFN, **peers, "helm": helm}
        found.append(
            Case(
                f"{count:,} claims",
                commands,
                resource_list(claims(count)),
                same=("go", "helm", "floor"),
                runs=15 if count < 100 else 5,
            )
        )
    found.append(
        Case("10,000 claims, no two alike", {"krmfn": KRMFN}, resource_list(unlike(10_000)), runs=3)
    )
    for count in (1_000, 10_000):
        name = f"one pool of {count:,}"
        shared, apart = (resource_list(pool(count), config) for config in _pool_configs(count))
        found.append(Case(name, {"krmfn": KRMFN}, shared))
        found.append(Case(f"{name}, a Secret for each", {"krmfn": KRMFN}, apart))
    return [*found, *_folders(), *_kustomize(peers["go"]), _pool_in_kustomize(1_000)]


def _pool_configs(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configs of a pool whose nodes share their Secret, and of one whose nodes don't."""
    shared = pool_config(count)
    return shared, changed(shared, "spec.cloudInitSecrets", "PerNode")


def _folders() -> list[Case]:
    folder = WORK / "tenants"
    tenants(folder, 300, 20, 20)
    out = WORK / "rendered"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([*KRMFN, "render", "-o", str(out), str(folder)], check=True, capture_output=True)
    machines, after = WORK / "machines", WORK / "machines-after"
    tenants(machines, 1, 2_000, 4)
    tenants(after, 1, 2_000, 4)
    file = after / "all.yaml"
    file.write_text(
        file.read_text().replace("cores: 1", "cores: 2").replace("bus: virtio", "bus: sata")
    )
    before = WORK / "machines-rendered"
    shutil.rmtree(before, ignore_errors=True)
    subprocess.run(
        [*KRMFN, "render", "-o", str(before), str(machines)], check=True, capture_output=True
    )
    starter = WORK / "starter"
    shutil.rmtree(starter, ignore_errors=True)
    subprocess.run([*KRMFN, "init", str(starter)], check=True, capture_output=True)
    return [
        Case("one tenant's folder: plan", {"krmfn": [*KRMFN, "plan", str(starter)]}, runs=15),
        Case(
            "300 tenants x 20 nodes, 20 node types: render",
            {"krmfn": [*KRMFN, "render", str(folder)]},
        ),
        Case(
            "… render -o DIR --check",
            {"krmfn": [*KRMFN, "render", "-o", str(out), "--check", str(folder)]},
        ),
        Case("… plan", {"krmfn": [*KRMFN, "plan", str(folder)]}),
        Case("2,000 machines: render", {"krmfn": [*KRMFN, "render", str(machines)]}),
        Case(
            "… plan --against, nothing changes",
            {"krmfn": [*KRMFN, "plan", str(machines), "--against", str(before)]},
        ),
        Case(
            "… plan --against, all machines change",
            {"krmfn": [*KRMFN, "plan", str(after), "--against", str(before)]},
        ),
    ]


def _kustomization(
    name: str, items: list[dict[str, Any]], config: dict[str, Any], path: str = "krmfn"
) -> list[str]:
    """Write a kustomization that runs a program as its function, and return the command that builds it."""
    folder = WORK / f"kustomize-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run = {"config.kubernetes.io/function": f"exec: {{path: {path}}}\n"}
    marked = changed(config, "metadata.annotations", run)
    (folder / "config.yaml").write_text(yaml.safe_dump(marked))
    (folder / "items.yaml").write_text(yaml.safe_dump_all(items))
    lists = "resources: [items.yaml]\ntransformers: [config.yaml]\n"
    (folder / "kustomization.yaml").write_text(lists)
    build = ["build", "--enable-alpha-plugins", "--enable-exec", str(folder)]
    return [str(TOOLS / "kustomize"), *build]


def _pool_in_kustomize(count: int) -> Case:
    """A pool inside kustomize, whose time grows with the square of the number of objects."""
    shared, apart = _pool_configs(count)
    commands = {
        "krmfn": _kustomization(f"pool-shared-{count}", pool(count), shared),
        "a Secret for each": _kustomization(f"pool-apart-{count}", pool(count), apart),
    }
    path = {"PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"}
    name = f"one pool of {count:,} in kustomize"
    return Case(name, commands, runs=3, environment=path)


def _kustomize(go: list[str]) -> list[Case]:
    """The same functions inside kustomize, which needs most of the time itself."""
    found = []
    for count in (100, 1_000):
        commands = {
            name: _kustomization(f"{name}-{count}", claims(count), CONFIG, path)
            for name, path in (("krmfn", "krmfn"), ("go", str(WORK / "peer.sh")))
        }
        script = WORK / "peer.sh"
        script.write_text(f"#!/bin/sh\nexec {' '.join(go)}\n")
        script.chmod(0o755)
        path = {"PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"}
        found.append(
            Case(
                f"{count:,} claims in kustomize",
                commands,
                same=("go",),
                runs=5 if count == 100 else 1,
                environment=path,
            )
        )
    return found
