"""KubeVirt's CRD and webhooks accept every machine that krmfn renders."""

from typing import Any

from tests.guest.test_cloudconfig import MORE, OWN_VOLUMES, with_volume
from tests.machine.test_template import SIZES, sized
from tests.platform import test_properties as properties
from tests.support import FIXTURES, by_name, is_taken, judged, machines, oracle
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
    for machine, verdict in zip(rendered, judged(rendered), strict=True):
        assert is_taken(verdict), (machine["metadata"]["name"], verdict)
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
