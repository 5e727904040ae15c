"""What a cluster would reject is rejected here first: krmfn's verdict on templates against that of KubeVirt's own code."""

import copy
import json
import re
from typing import Any

import pytest

from krmfn.kubevirt import schema
from krmfn.kubevirt.admission import RULES
from tests.mutations import GOOD, mutations
from tests.support import (
    CLAIM,
    PROVIDER,
    ROOT,
    SECRET,
    changed,
    function,
    made,
    oracle,
    refusal,
    resource_list,
)

TEMPLATE = "spec.kubeVirt.virtualMachineTemplate"
# Where krmfn is stricter than KubeVirt, on purpose: what would fail at the start, or clash in the namespace.
STRICTER = (
    r"is \S+ a second time",
    r"template\.spec: is required",
    r"memory\.guest: is 0; must be above 0",
    r"labels\.\w+: is ",
    r"annotations\.\w+: is ",
    r"is longer than 57 characters",
    r"resources\.memory: is required",
    r"emptyDisk\.capacity: is \S+; must be above 0",
)


def verdict(spec: dict[str, Any]) -> Any:
    return function(resource_list(changed(PROVIDER, TEMPLATE, {"spec": spec}), CLAIM, SECRET))


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
    answers = oracle(
        "vm",
        [
            made(reply)[0] if reply.code == 0 else machine(spec)
            for spec, reply in zip(specs, replies, strict=True)
        ],
    )
    differing = []
    for spec, reply, answer in zip(specs, replies, answers, strict=True):
        refused = bool(answer["pruned"] or answer["schema"] or answer["admission"])
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


def test_the_good_ones_are_good() -> None:
    for spec in GOOD:
        assert verdict(spec).code == 0


INNER = f"{TEMPLATE}.spec.template.spec"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            f"{INNER}.domian",
            {},
            'domian: is no field of KubeVirt v1.8.2\'s VirtualMachine (did you mean "domain"?)',
        ),
        (
            f"{INNER}.domain.devices.disks.0.disk",
            {"buss": "virtio"},
            'disks[0].disk.buss: is no field of KubeVirt v1.8.2\'s VirtualMachine (did you mean "bus"?); known are bus',
        ),
        (f"{INNER}.domain.cpu.cores", "two", 'domain.cpu.cores: is "two"; must be a whole number'),
        (f"{INNER}.volumes.0", {"name": "root"}, "volumes[0]: has no source; must have one"),
        (f"{INNER}.tolerations", [{"key": 1}], "tolerations[0].key: is 1; must be text in quotes"),
        (
            f"{TEMPLATE}.spec.dataVolumeTemplates",
            [{"metadata": {"name": "x"}}],
            "dataVolumeTemplates[0].spec: is required",
        ),
        (
            f"{TEMPLATE}.spec.runStrategy",
            "Sometimes",
            'runStrategy: is "Sometimes"; must be one of Always, Halted',
        ),
    ],
)
def test_a_message_says_where_and_what(path: str, value: Any, message: str) -> None:
    said = refusal(function(resource_list(changed(PROVIDER, path, value), CLAIM, SECRET)))
    assert message in said


def test_the_layer_that_wrote_it_is_named() -> None:
    patch = {"spec": {"template": {"spec": {"evictionStrategy": "Never"}}}}
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.mergeVirtualMachineTemplate", patch)
    said = refusal(function(resource_list(provider, CLAIM, SECRET)))
    assert (
        'nodeTypes[0].mergeVirtualMachineTemplate.spec.template.spec.evictionStrategy: is "Never"'
        in said
    )


def test_the_property_that_made_it_is_named() -> None:
    key = "kubevirt.vcluster.com/"
    properties = {
        key + "image-url": "http://x",
        key + "root-disk-size": "1Gi",
        key + "image-checksum": f"sha256:{'a' * 64}",
    }
    said = refusal(
        function(resource_list(PROVIDER, changed(CLAIM, "spec.properties", properties), SECRET))
    )
    assert (
        f"spec.properties[{key}image-checksum]: makes spec.dataVolumeTemplates[0].spec.source.http.checksum, which is no field"
        in said
    )
    # The template's own disk keeps its number, whatever stands before it.
    wrong = changed(PROVIDER, f"{INNER}.domain.devices.disks.0.cache", "warm")
    properties.pop(key + "image-checksum")
    said = refusal(
        function(resource_list(wrong, changed(CLAIM, "spec.properties", properties), SECRET))
    )
    assert (
        'virtualMachineTemplate.spec.template.spec.domain.devices.disks[0].cache: is "warm"' in said
    )


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


def test_fields_of_a_newer_kubevirt() -> None:
    from tests.support import CONFIG

    provider = changed(PROVIDER, f"{INNER}.brandNew", {"a": 1})
    done = function(
        resource_list(provider, CLAIM, SECRET, config=changed(CONFIG, "spec.unknownFields", "Warn"))
    )
    assert done.code == 0
    assert "spec.template.spec.brandNew: is no field of KubeVirt" in done.stderr
    assert "(unknown-field)" in done.stderr
    assert made(done)[0]["spec"]["template"]["spec"]["brandNew"] == {"a": 1}


def test_an_unused_node_type_is_checked_too() -> None:
    types = [
        {"name": "small"},
        {"name": "broken", "mergeVirtualMachineTemplate": {"spec": {"running": "yes"}}},
    ]
    assert 'running: is "yes"; must be true or false' in refusal(
        function(resource_list(changed(PROVIDER, "spec.kubeVirt.nodeTypes", types), CLAIM, SECRET))
    )


def test_the_schema_is_of_the_version_that_judges() -> None:
    assert schema.version() in (ROOT / "tests" / "oracles" / "go.mod").read_text()


def test_every_rule_has_a_code_of_its_own() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
