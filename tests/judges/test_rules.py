"""KubeVirt's own CRD and webhooks refuse a template exactly if krmfn does."""

import copy
import json
import re
from typing import Any

import pytest

from tests.kubevirt.mutations import mutations
from tests.kubevirt.test_rules import TEMPLATE, verdict
from tests.support import (
    CLAIM,
    PROVIDER,
    SECRET,
    changed,
    function,
    is_taken,
    judged,
    made,
    oracle,
    resource_list,
)

# Where krmfn is stricter than KubeVirt, on purpose: what would fail at the start, or clash in the namespace.
STRICTER = (
    r"is \S+ a second time",
    r"template\.spec: is required",
    r"(memory\.guest|pageSize): is \S+( bytes)?; must be 1Mi or more",
    r"labels\.\w+: is ",
    r"annotations\.\w+: is ",
    r"is longer than 57 characters",
    r"resources\.memory: is required",
    r"emptyDisk\.capacity: is \S+; must be above 0",
    r"is \S+ bytes: the unit is missing",
    r"less than 1Mi; memory has a unit",
    r"is null; write a value in quotes, or leave the key out",
    # krmfn's own cloud-init source takes the place of a template's: what is wrong there would be lost.
    r"cloudInit(NoCloud|ConfigDrive)[.\w]*: ",
    # What CDI and the API server refuse later.
    r"dataVolumeTemplates\[\d+\]\.spec",
    r"nodeSelector\.|nodeSelector\[",
    r"tolerations\[\d+\]",
    r"Probe\.(httpGet|tcpSocket)\.port",
    r"is not a resource of a pod",
    r"containerDisk\.image",
    r"cpu\.model: |priorityClassName: |firmware\.uuid: ",
    # With the rollout strategy LiveUpdate, its default, KubeVirt does not look; the pod would be killed.
    r"memory\.guest: is \S+, above the memory limit of ",
)


def machine(spec: dict[str, Any]) -> dict[str, Any]:
    """The machine as a renderer without rules would make it."""
    spec = copy.deepcopy(spec)
    if isinstance(spec.get("template"), dict) and isinstance(spec["template"].get("spec"), dict):
        inner = spec["template"]["spec"]
        devices = (
            inner.get("domain", {}).setdefault("devices", {})
            if isinstance(inner.get("domain", {}), dict)
            else {}
        )
        for holder, key, value in (
            (
                inner,
                "volumes",
                {"name": "cloudinit", "cloudInitNoCloud": {"secretRef": {"name": "x"}}},
            ),
            (devices, "disks", {"name": "cloudinit", "disk": {"bus": "virtio"}}),
        ):
            if isinstance(holder, dict) and isinstance(holder.setdefault(key, []), list):
                holder[key].append(value)
    if "running" not in spec and "runStrategy" not in spec:
        spec["runStrategy"] = "Always"
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "node-1", "namespace": "machines"},
        "spec": spec,
    }


def test_krmfn_and_kubevirt_agree() -> None:
    specs = list(mutations(3000))
    replies = [verdict(spec) for spec in specs]
    # What krmfn renders is judged as it is, quantities in canonical form; what it refuses, as it was written.
    answers = judged(
        [
            made(reply)[0] if reply.code == 0 else machine(spec)
            for spec, reply in zip(specs, replies, strict=True)
        ]
    )
    differing = []
    for spec, reply, answer in zip(specs, replies, answers, strict=True):
        refused = not is_taken(answer)
        said = [line for line in reply.stderr.splitlines() if line.startswith("error: ")]
        if reply.code == 0 and refused and "(feature-gate)" not in reply.stderr:
            differing.append(f"KubeVirt refuses {json.dumps(spec)}: {answer}")
        elif (
            reply.code != 0
            and not refused
            and not all(any(re.search(pattern, line) for pattern in STRICTER) for line in said)
        ):
            differing.append(f"KubeVirt takes {json.dumps(spec)}: {said}")
    assert not differing, "\n".join(differing[:5])
    # The judge sees enough of both.
    assert 400 < sum(reply.code == 0 for reply in replies) < 2500


@pytest.mark.parametrize(
    "inner",
    [
        {"cpu": {"sockets": 1}},
        {"cpu": {"cores": 1}},
        {"cpu": {"threads": 1}},
        {"memory": {"guest": "1Gi"}},
        *(
            {"resources": {kind: {name: "1Gi"}}}
            for kind in ("requests", "limits")
            for name in ("cpu", "memory")
        ),
        {"cpu": {"model": "host-model"}},
        {"memory": {"maxGuest": "8Gi"}},
        {},
    ],
)
def test_what_an_instancetype_sets_already(inner: dict[str, Any]) -> None:
    vm = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.resources", {"cpu": 2, "memory": "4Gi"})[
        "spec"
    ]["kubeVirt"]["virtualMachineTemplate"]
    domain = {
        **vm["spec"]["template"]["spec"]["domain"],
        "cpu": {},
        "memory": {},
        "resources": {},
    } | inner
    spec = changed(
        changed(vm["spec"], "template.spec.domain", domain), "instancetype", {"name": "small"}
    )
    types = changed(PROVIDER, "spec.kubeVirt.nodeTypes", [{"name": "small"}])
    size = {"apiVersion": "instancetype.kubevirt.io/v1beta1", "kind": "VirtualMachineClusterInstancetype", "metadata": {"name": "small"},
            "spec": {"cpu": {"guest": 2}, "memory": {"guest": "4Gi"}}}  # fmt: skip
    reply = function(resource_list(changed(types, TEMPLATE, {"spec": spec}), CLAIM, SECRET, size))
    judged = made(reply)[0] if reply.code == 0 else machine(spec)
    [answer] = oracle("change", [{"strategy": "LiveUpdate", "old": judged, "new": judged}])
    assert (reply.code != 0) == ("is rejected" in answer.get("error", "")), (reply.stderr, answer)
    assert ("stands beside spec.instancetype" in reply.stderr) == (reply.code != 0)
