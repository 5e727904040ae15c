"""What a cluster would reject is rejected first, and the message names the place that a user can change."""

from typing import Any

from krmfn.kubevirt import schema
from krmfn.kubevirt.admission import RULES
from tests.kubevirt.mutations import GOOD
from tests.support import (
    CLAIM,
    PROVIDER,
    ROOT,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

TEMPLATE = "spec.kubeVirt.virtualMachineTemplate"


def verdict(spec: dict[str, Any]) -> Any:
    return function(resource_list(changed(PROVIDER, TEMPLATE, {"spec": spec}), CLAIM, SECRET))


def test_the_good_ones_are_good() -> None:
    for spec in GOOD:
        assert verdict(spec).code == 0


INNER = f"{TEMPLATE}.spec.template.spec"


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
        f"spec.properties[{key}image-checksum]: makes spec.dataVolumeTemplates[0].spec.source.http.checksum, which is an unknown field"
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


def test_fields_of_a_newer_kubevirt() -> None:
    from tests.support import CONFIG

    provider = changed(PROVIDER, f"{INNER}.brandNew", {"a": 1})
    done = function(
        resource_list(provider, CLAIM, SECRET, config=changed(CONFIG, "spec.unknownFields", "Warn"))
    )
    assert done.code == 0
    assert "spec.template.spec.brandNew: is an unknown field of KubeVirt" in done.stderr
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


def test_names_that_are_no_text_are_refused() -> None:
    spec = changed(GOOD[0], "template.spec.domain.devices.filesystems", [{"name": [{}]}])
    assert "filesystems[0].name: is a list; must be text" in refusal(verdict(spec))
    claim = {"resources": {}, "dataSourceRef": {"kind": {"a": "b"}, "name": "x"}}
    spec = changed(GOOD[0], "dataVolumeTemplates.0.spec", {"storage": claim})
    assert "dataSourceRef.kind: is a mapping; must be text" in refusal(verdict(spec))


def test_annotations_in_any_case_are_taken() -> None:
    spec = changed(GOOD[0], "template.metadata", {"annotations": {"Example.COM/a": "b"}})
    assert verdict(spec).code == 0
