"""What the tests share: the doors of krmfn, and the programs that judge it."""

import base64
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from krmfn.commands.function import run
from krmfn.commands.reply import Reply

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
TOOLS = ROOT / ".tools" / "bin"
TOKEN = "abcdef.0123456789abcdef"
CERTIFICATE = yaml.safe_load((FIXTURES / "minimal" / "token.yaml").read_text())["stringData"][
    "ca.crt"
]


def krmfn(
    *arguments: str, stdin: str | bytes = "", cwd: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    """Run the program as a user does."""
    text = stdin.decode() if isinstance(stdin, bytes) else stdin
    command = [sys.executable, "-m", "krmfn", *arguments]
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def function(resource_list: Any) -> Reply:
    """Run the KRM function on a ResourceList, given as text or as data."""
    text = resource_list if isinstance(resource_list, str) else json.dumps(resource_list)
    return run(text.encode())


def counted(call: Callable[[], T]) -> tuple[T, int]:
    """What a call returns, and how many functions were entered and left for it: work, without a clock."""
    steps = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        return call(), steps
    finally:
        sys.setprofile(None)


def oracle(command: str, values: list[Any], program: str = "") -> list[Any]:
    """Ask the Go judge (KubeVirt's and apimachinery's own code), one answer a value."""
    lines = "".join(json.dumps(value) + "\n" for value in values)
    # KubeVirt's admission code takes seconds to start: a second binary does without it.
    program = program or {
        "vm": "oracle",
        "change": "oracle",
        "vcluster": "oracle-vcluster",
        "template": "oracle-template",
    }.get(command, "oracle-light")
    done = subprocess.run(
        [TOOLS / program, command],
        input=lines,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(values), done.stderr
    return answers


def judged(
    machines: list[Any], version: str = "1.9", gates: Iterable[str] = (), strategy: str = ""
) -> list[Any]:
    """Ask a version of KubeVirt about machines, in a cluster with these feature gates on."""
    settings = {"featureGates": list(gates), "rolloutStrategy": strategy}
    program = "oracle" if version == "1.9" else f"oracle-kubevirt-{version}"
    return oracle("vm", [{"vm": machine, **settings} for machine in machines], program)


def is_taken(answer: dict[str, list[str]]) -> bool:
    """Whether KubeVirt takes a machine with all its fields, and the instance that it makes of it."""
    return not any(answer[part] for part in ("pruned", "schema", "admission", "instance"))


def pauses(node: str, tries: int) -> list[str]:
    """The pauses after a node's tries: they double up to a minute, and each is up to a half longer, by the name's checksum."""
    done = subprocess.run(["cksum"], input=node, capture_output=True, text=True, check=True)
    share = int(done.stdout.split()[0]) % 64
    return [
        str(pause + pause * share // 128) for pause in (min(5 * 2**n, 60) for n in range(tries))
    ]


def kustomize(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Build a kustomization with the real kustomize; its config names `krmfn`, which is on the PATH here."""
    command = [
        str(TOOLS / "kustomize"),
        "build",
        "--enable-alpha-plugins",
        "--enable-exec",
        str(folder),
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, "PATH": path}
    )


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a stream of manifests."""
    return [document for document in yaml.safe_load_all(text) if document]


def machines(text: str) -> list[dict[str, Any]]:
    """The VirtualMachines of a stream of manifests."""
    return [value for value in objects(text) if value["kind"] == "VirtualMachine"]


PROVIDER: dict[str, Any] = {
    "apiVersion": "management.loft.sh/v1",
    "kind": "NodeProvider",
    "metadata": {"name": "edge"},
    "spec": {
        "kubeVirt": {
            "clusterRef": {"cluster": "kubevirt-1", "namespace": "machines"},
            "virtualMachineTemplate": {
                "spec": {
                    "template": {
                        "spec": {
                            "domain": {
                                "cpu": {"cores": 1},
                                "memory": {"guest": "2Gi"},
                                "devices": {"disks": [{"name": "root", "disk": {"bus": "virtio"}}]},
                            },
                            "volumes": [
                                {"name": "root", "persistentVolumeClaim": {"claimName": "root"}}
                            ],
                        }
                    }
                }
            },
            "nodeTypes": [{"name": "small"}],
        }
    },
}
CLAIM: dict[str, Any] = {
    "apiVersion": "management.loft.sh/v1",
    "kind": "NodeClaim",
    "metadata": {"name": "node-1", "namespace": "p-default"},
    "spec": {"providerRef": "edge", "typeRef": "small", "vClusterRef": "tenant-1"},
}
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "join", "namespace": "tokens"},
    "stringData": {"token": TOKEN, "ca.crt": CERTIFICATE},
}
CONFIG: dict[str, Any] = {
    "apiVersion": "krmfn.dev/v1alpha1",
    "kind": "KubeVirtNodes",
    "metadata": {"name": "nodes"},
    "spec": {
        "virtualClusters": [
            {
                "name": "tenant-1",
                "endpoint": "tenant-1.example.com",
                "joinToken": {"secretKeyRef": {"name": "join", "key": "token"}},
            }
        ]
    },
}
FLAT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "nodes"},
    "data": {"endpoint": "tenant-1.example.com", "tokenSecret": "join"},
}
REMOVED = object()


def changed(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    """A copy with the field at a dotted path set (numbers index lists), or taken out with REMOVED."""
    copy: dict[str, Any] = json.loads(json.dumps(value))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    target: Any = copy
    for key in parents:
        target = target[key] if isinstance(key, int) else target.setdefault(key, {})
    if new is REMOVED:
        del target[last]
    else:
        target[last] = new
    return copy


def resource_list(*items: dict[str, Any], config: dict[str, Any] | None = None) -> dict[str, Any]:
    """A ResourceList as data; without items, the one of everything that works."""
    chosen = list(items) or [PROVIDER, CLAIM, SECRET]
    return {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": chosen,
        "functionConfig": config or CONFIG,
    }


def refusal(reply: Reply) -> str:
    """What a refused run says: nothing made, results and stderr agree, no traceback and no token."""
    output = yaml.load(reply.stdout, Loader=yaml.CSafeLoader)
    assert reply.code == 1, reply.stderr
    assert not [
        item
        for item in output["items"]
        if "krmfn.dev/node-type" in (item.get("metadata", {}).get("labels") or {})
    ]
    failed = [result for result in output["results"] if result["severity"] == "error"]
    lines = [line for line in reply.stderr.splitlines() if line.startswith("error: ")]
    assert failed
    assert len(failed) == len(lines)
    for text in (reply.stderr, json.dumps(output["results"])):
        assert "Traceback" not in text
        assert TOKEN not in text
        assert "PRIVATE KEY" not in text
    return reply.stderr


def made(reply: Reply) -> list[dict[str, Any]]:
    """The VirtualMachines in a function's reply."""
    return [
        item for item in yaml.safe_load(reply.stdout)["items"] if item["kind"] == "VirtualMachine"
    ]


def by_name(reply: Reply) -> dict[tuple[str, str], dict[str, Any]]:
    """All that was handed back, by kind and name."""
    assert reply.code == 0, reply.stderr
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in yaml.safe_load(reply.stdout)["items"]
    }


# What every node of PROVIDER's type says of itself (`vcluster.com/node-type` and its like).
BUILT_IN = {
    "karpenter.sh/capacity-type": "on-demand",
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "edge.small",
    "topology.kubernetes.io/zone": "global",
    "vcluster.com/node-type": "edge.small",
}


def kubelet_arguments(text: str) -> dict[str, str]:
    """The kubelet's flags in a node's user data, by name."""
    [line] = [
        line
        for line in text.splitlines()
        if line.lstrip().startswith("kubelet_arguments=-")
        or line.lstrip().startswith("kubelet_arguments='-")
    ]
    [value] = shlex.split(line.strip().removeprefix("kubelet_arguments="))
    flags = (flag.removeprefix("--").partition("=") for flag in value.split(" "))
    return {name: text for name, _, text in flags}


def node_labels(text: str) -> dict[str, str]:
    """The labels in a node's user data, without the built-in ones that every node has."""
    pairs = (pair.partition("=") for pair in kubelet_arguments(text)["node-labels"].split(","))
    labels = {key: value for key, _, value in pairs}
    return {key: value for key, value in labels.items() if BUILT_IN.get(key) != value}


def user_data(reply: Reply) -> list[str]:
    """The user data in a function's reply, in the order of its Secrets."""
    secrets = [
        item
        for item in yaml.safe_load(reply.stdout)["items"]
        if item["kind"] == "Secret" and "userdata" in item.get("data", {})
    ]
    return [base64.b64decode(secret["data"]["userdata"]).decode() for secret in secrets]
