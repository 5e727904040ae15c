"""KubeVirt's CRD and webhooks accept every machine that krmfn renders."""

from typing import Any

from krmfn.kubevirt.cluster import known_gates
from tests.guest.test_cloudconfig import MORE, OWN_VOLUMES, with_volume
from tests.kubevirt.mutations import GOOD, TOPICS
from tests.kubevirt.test_rules import verdict
from tests.machine.test_template import SIZES, sized
from tests.platform import test_properties as properties
from tests.support import FIXTURES, by_name, is_taken, judged, machines, made, oracle
from tests.test_fixtures import FOLDERS


def test_kubevirt_takes_every_size() -> None:
    assert accepted([sized(given, wanted) for given, wanted, _ in SIZES])


def test_kubevirt_takes_every_machine() -> None:
    rendered = [
        machine
        for case in FOLDERS
        for machine in machines((FIXTURES / case / "expected.yaml").read_text())
    ]
    assert len(rendered) > 20
    for machine, answer in zip(rendered, judged(rendered), strict=True):
        assert is_taken(answer), (machine["metadata"]["name"], answer)
    assert all(answer == {"errors": []} for answer in oracle("objectmeta", rendered))


def accepted(rendered: list[dict[str, Any]]) -> bool:
    """Whether KubeVirt takes all of them, and drops no field of any."""
    return all(map(is_taken, judged(rendered)))


def test_kubevirt_takes_what_properties_make() -> None:
    image = properties.IMAGE
    assert accepted(
        [
            *(
                by_name(properties.run(image, on=on))["VirtualMachine", "node-1"]
                for on in ("claim", "type", "provider")
            ),
            *(
                properties.machine({**source, **properties.SMALL})
                for source, _ in properties.SOURCES
            ),
            properties.machine({**image, **properties.PARTIAL}),
            properties.machine(properties.OF_OS_IMAGE, properties.OS_IMAGE),
            *(properties.with_multus(binding) for binding, *_ in properties.MULTUS),
            properties.with_a_network_of_that_name(),
        ]
    )


def test_kubevirt_takes_a_templates_own_cloud_init_volume() -> None:
    assert accepted(
        [
            by_name(with_volume(source, *items, kind=kind, **MORE))["VirtualMachine", "node-1"]
            for source, items in OWN_VOLUMES
            for kind in ("cloudInitNoCloud", "cloudInitConfigDrive")
        ]
    )


def test_kubevirt_stores_what_krmfn_renders() -> None:
    """Nothing of a rendered machine is lost or changed by the webhook: it would be drift for ever."""
    specs = [*GOOD, *TOPICS, *map(with_zeros, [*GOOD, *TOPICS])]
    replies = [verdict(spec) for spec in specs]
    rendered = [made(reply)[0] for reply in replies if reply.code == 0]
    assert len(rendered) > 45
    gates = list(known_gates())
    questions = [{"vm": vm, "stored": True, "featureGates": gates} for vm in rendered]
    for vm, answer in zip(rendered, oracle("vm", questions), strict=True):
        if not answer["admission"]:
            assert lost(vm["spec"], answer["stored"]["spec"]) == [], vm["spec"]


def with_zeros(spec: dict[str, Any]) -> dict[str, Any]:
    """The same with zero values, which say nothing."""
    inner = spec["template"]["spec"]
    zeros: dict[str, Any] = {"hostname": "", "tolerations": [], "nodeSelector": {}, "priorityClassName": "", "schedulerName": "", "architecture": inner.get("architecture", "")}  # fmt: skip
    domain = inner["domain"]
    cpu = {"dedicatedCpuPlacement": False, "isolateEmulatorThread": False, "threads": 0, "model": "", "features": [], **domain.get("cpu", {})}  # fmt: skip
    devices = {"inputs": [], "gpus": [], "disableHotplug": False, "blockMultiQueue": False, **domain["devices"]}  # fmt: skip
    resources = {"requests": {}, "limits": {}, "overcommitGuestOverhead": False, **domain.get("resources", {})}  # fmt: skip
    domain = {**domain, "cpu": cpu, "devices": devices, "resources": resources}
    inner = {**zeros, "dnsConfig": {"searches": [], "nameservers": []}, "affinity": {}, **inner, "domain": domain}  # fmt: skip
    return {**spec, "dataVolumeTemplates": spec.get("dataVolumeTemplates", []), "template": {**spec["template"], "spec": inner}}  # fmt: skip


def lost(value: Any, stored: Any, path: str = "") -> list[str]:
    """The paths whose value is not stored as it was rendered."""
    if isinstance(value, dict) and isinstance(stored, dict):
        return [
            at
            for key, child in value.items()
            for at in (
                lost(child, stored[key], f"{path}.{key}") if key in stored else [f"{path}.{key}"]
            )
        ]
    if isinstance(value, list) and isinstance(stored, list) and len(value) == len(stored):
        return [
            at for i, child in enumerate(value) for at in lost(child, stored[i], f"{path}[{i}]")
        ]
    return [] if value == stored else [path]
