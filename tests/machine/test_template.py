"""A machine is its provider's template with the node type's changes, and each addition goes where KubeVirt reads it."""

import json
from typing import Any

import pytest

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

TEMPLATE = "spec.kubeVirt.virtualMachineTemplate"
SPEC = f"{TEMPLATE}.spec.template.spec"
DOMAIN = f"{SPEC}.domain"
TYPE = "spec.kubeVirt.nodeTypes.0"
AT_TYPE = "spec.kubeVirt.nodeTypes[0]"


def rendered(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The machine of the provider with these fields changed; KubeVirt takes it."""
    provider = PROVIDER
    for path, value in changes:
        provider = changed(provider, path, value)
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0, done.stderr
    return made(done)[0]


def refused(*changes: tuple[str, Any]) -> str:
    provider = PROVIDER
    for path, value in changes:
        provider = changed(provider, path, value)
    return refusal(function(resource_list(provider, CLAIM, SECRET)))


def domain(machine: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = machine["spec"]["template"]["spec"]["domain"]
    return found


def test_a_date_has_to_be_quoted() -> None:
    provider = changed(PROVIDER, f"{TEMPLATE}.metadata.labels", {"since": "DATE"})
    text = json.dumps(resource_list(provider, CLAIM, SECRET)).replace('"DATE"', "2001-01-01")
    assert f"{TEMPLATE}.metadata.labels.since: is a date to YAML; quote it" in refusal(
        function(text)
    )


SIZES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # (domain of the template, resources of the node type, domain that comes out without its devices)
    (
        {"resources": {"requests": {"memory": "1Gi"}}},
        {"cpu": 4, "memory": "8Gi"},
        {"resources": {"requests": {"memory": "8Gi", "cpu": "4"}}},
    ),
    (
        {"cpu": {"sockets": 2, "threads": 2}, "memory": {"guest": "1Gi"}},
        {"cpu": "8", "memory": "8192Mi"},
        {
            "cpu": {"sockets": 2, "threads": 2, "cores": 2},
            "memory": {"guest": "8Gi"},
            "resources": {"requests": {"cpu": "8", "memory": "8Gi"}},
        },
    ),
    (
        {
            "resources": {
                "requests": {"memory": "1Gi", "cpu": "1"},
                "limits": {"memory": "2Gi", "cpu": "8"},
            }
        },
        {"cpu": 2, "memory": "4Gi"},
        # Without a topology the limit is the guest's number of CPUs: it has to be equal, up and down.
        {
            "resources": {
                "requests": {"memory": "4Gi", "cpu": "2"},
                "limits": {"memory": "4Gi", "cpu": "2"},
            }
        },
    ),
    (
        {
            "cpu": {"cores": 1},
            "memory": {"guest": "1Gi"},
            "resources": {"limits": {"memory": "16Gi", "cpu": "8"}},
        },
        {"cpu": 2, "memory": "4Gi"},
        {
            "cpu": {"cores": 2},
            "memory": {"guest": "4Gi"},
            "resources": {
                "limits": {"memory": "16Gi", "cpu": "8"},
                "requests": {"cpu": "2", "memory": "4Gi"},
            },
        },
    ),
    ({"memory": {"guest": "1Gi"}}, {"nvidia.com/gpu": 1}, {"memory": {"guest": "1Gi"}}),
]


def sized(given: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return rendered(
        (DOMAIN, {**given, "devices": {}}), (f"{SPEC}.volumes", []), (f"{TYPE}.resources", wanted)
    )


@pytest.mark.parametrize(("given", "wanted", "expected"), SIZES)
def test_resources_are_set_where_they_count(
    given: dict[str, Any], wanted: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert {
        key: value for key, value in domain(sized(given, wanted)).items() if key != "devices"
    } == expected


def test_more_memory_than_the_template_allows() -> None:
    said = refused(
        (f"{DOMAIN}.memory", {"guest": "2Gi", "maxGuest": "4Gi"}),
        (f"{TYPE}.resources", {"memory": "8Gi"}),
    )
    assert (
        f"{AT_TYPE}.resources.memory: is 8Gi, above the template's domain.memory.maxGuest of 4Gi"
        in said
    )


@pytest.mark.parametrize("cores", [2**64 - 1, 2**62, -1, "2", 1.5, []])
def test_odd_numbers_of_cores_are_refused_as_kubevirt_does(cores: Any) -> None:
    assert "domain.cpu.cores: is " in refused((f"{DOMAIN}.cpu", {"cores": cores, "sockets": 2}))


def test_a_data_volume_that_clones_its_sibling() -> None:
    templates: list[dict[str, Any]] = [
        {
            "metadata": {"name": "root"},
            "spec": {"source": {"pvc": {"name": "root", "namespace": "images"}}, "storage": {}},
        },
        {
            "metadata": {"name": "more"},
            "spec": {"source": {"pvc": {"name": "root", "namespace": "machines"}}, "storage": {}},
        },
        {
            "metadata": {"name": "other"},
            "spec": {"source": {"pvc": {"name": "root", "namespace": "images"}}, "storage": {}},
        },
        # An image whose claim is named as the machine's own disk.
        {
            "metadata": {"name": "own"},
            "spec": {"source": {"pvc": {"name": "own", "namespace": "machines"}}, "storage": {}},
        },
        {
            "metadata": {"name": "near"},
            "spec": {"source": {"pvc": {"name": "own", "namespace": "machines"}}, "storage": {}},
        },
    ]
    names = [template["metadata"]["name"] for template in templates]
    volumes = [{"name": name, "dataVolume": {"name": name}} for name in names]
    disks = [{"name": name} for name in names]
    made = rendered(
        (f"{TEMPLATE}.spec.dataVolumeTemplates", templates),
        (f"{SPEC}.volumes", volumes),
        (f"{DOMAIN}.devices.disks", disks),
    )["spec"]["dataVolumeTemplates"]
    assert [template["spec"]["source"]["pvc"]["name"] for template in made] == [
        "root",
        "node-1-root",
        "root",
        "own",
        "node-1-own",
    ]


STORAGE = {"resources": {"requests": {"storage": "1Gi"}}}
IMAGE_SOURCE = {"source": {"registry": {"url": "docker://example.com/image"}}, "storage": STORAGE}


@pytest.mark.parametrize(
    ("spec", "path", "follows"),
    [
        (
            {"storage": {"dataSourceRef": {"kind": "PersistentVolumeClaim"}}},
            "storage.dataSourceRef",
            True,
        ),
        (
            {"storage": {"dataSource": {"kind": "PersistentVolumeClaim"}}},
            "storage.dataSource",
            True,
        ),
        ({"pvc": {"dataSourceRef": {"kind": "PersistentVolumeClaim"}}}, "pvc.dataSourceRef", True),
        ({"pvc": {"dataSource": {"kind": "PersistentVolumeClaim"}}}, "pvc.dataSource", True),
        ({"storage": {}, "source": {"pvc": {"namespace": "machines"}}}, "source.pvc", True),
        (
            {
                "storage": {
                    "dataSourceRef": {"kind": "PersistentVolumeClaim", "namespace": "machines"}
                }
            },
            "storage.dataSourceRef",
            True,
        ),
        (
            {
                "storage": {
                    "dataSourceRef": {"kind": "PersistentVolumeClaim", "namespace": "images"}
                }
            },
            "storage.dataSourceRef",
            False,
        ),
        # A snapshot or a DataSource is another object, whatever its name.
        (
            {"storage": {"dataSourceRef": {"kind": "VolumeSnapshot"}}},
            "storage.dataSourceRef",
            False,
        ),
        ({"storage": {}, "sourceRef": {"kind": "DataSource"}}, "sourceRef", False),
        (
            {"storage": {}, "source": {"snapshot": {"namespace": "machines"}}},
            "source.snapshot",
            False,
        ),
    ],
)
def test_a_sibling_is_followed_wherever_it_is_named(
    spec: dict[str, Any], path: str, follows: bool
) -> None:
    spec = changed(spec, f"{path}.name", "root")
    # As CDI asks for it.
    size = {"requests": {"storage": "1Gi"}}
    if "pvc" in spec:
        spec["pvc"] |= {"accessModes": ["ReadWriteOnce"], "resources": size}
    else:
        spec = changed(spec, "storage.resources", size)
    templates = [
        {"metadata": {"name": "root"}, "spec": IMAGE_SOURCE},
        {"metadata": {"name": "data"}, "spec": spec},
    ]
    volumes = [{"name": name, "dataVolume": {"name": name}} for name in ("root", "data")]
    machine = rendered(
        (f"{TEMPLATE}.spec.dataVolumeTemplates", templates), (f"{SPEC}.volumes", volumes)
    )
    found = machine["spec"]["dataVolumeTemplates"][1]["spec"]
    for key in path.split("."):
        found = found[key]
    assert found["name"] == ("node-1-root" if follows else "root")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"runStrategy": "Always"}),
        ({"runStrategy": "Manual"}, {"runStrategy": "Manual"}),
        ({"running": False}, {"running": False}),
    ],
)
def test_run_strategy(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    machine = rendered(*((f"{TEMPLATE}.spec.{key}", value) for key, value in spec.items()))
    assert {key: value for key, value in machine["spec"].items() if key != "template"} == expected


def test_data_volumes_and_what_refers_to_them() -> None:
    volumes = [
        {"name": "a", "dataVolume": {"name": "root"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "root"}},
        {"name": "c", "ephemeral": {"persistentVolumeClaim": {"claimName": "root"}}},
        {"name": "dump", "memoryDump": {"claimName": "root"}},
        {"name": "d", "dataVolume": {"name": "other"}},
        {"name": "root", "emptyDisk": {"capacity": "1024Mi"}},
    ]
    data_volume = {
        "metadata": {"name": "root"},
        "spec": {"source": {"pvc": {"name": "root", "namespace": "images"}}, "storage": {}},
    }
    machine = rendered(
        (f"{TEMPLATE}.spec.dataVolumeTemplates", [data_volume]),
        (f"{SPEC}.volumes", volumes),
        (f"{DOMAIN}.devices", {}),
    )
    [template] = machine["spec"]["dataVolumeTemplates"]
    assert template["metadata"]["name"] == "node-1-root"
    assert template["spec"]["source"]["pvc"]["name"] == "root"
    assert machine["spec"]["template"]["spec"]["volumes"][:-1] == [
        {"name": "a", "dataVolume": {"name": "node-1-root"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "node-1-root"}},
        {"name": "c", "ephemeral": {"persistentVolumeClaim": {"claimName": "node-1-root"}}},
        {"name": "dump", "memoryDump": {"claimName": "node-1-root"}},
        {"name": "d", "dataVolume": {"name": "other"}},
        {"name": "root", "emptyDisk": {"capacity": "1Gi"}},
    ]


BUS = {"bus": "virtio"}
OWN = {"name": "ci", "cloudInitNoCloud": {"userData": "#cloud-config\n{}\n"}}
FILES = {"name": "files", "configMap": {"name": "x"}}
CLAIM_A = {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}
CLAIM_B = {"name": "b", "persistentVolumeClaim": {"claimName": "b"}}
OURS = {"name": "cloudinit", "disk": BUS}


@pytest.mark.parametrize(
    ("devices", "volumes", "disks"),
    [
        ({}, [CLAIM_A, CLAIM_B], [{"name": "a"}, {"name": "b"}, OURS]),
        ({"disks": None}, [CLAIM_A], [{"name": "a"}, OURS]),
        (
            {"disks": [{"name": "b", "disk": {}}]},
            [CLAIM_A, CLAIM_B],
            [{"name": "b", "disk": {}}, {"name": "a"}, OURS],
        ),
        ({}, [CLAIM_A, OWN, CLAIM_B], [{"name": "a"}, {"name": "ci"}, {"name": "b"}]),
        (
            {"disks": [{"name": "ci", "disk": BUS}]},
            [CLAIM_A, OWN],
            [{"name": "ci", "disk": BUS}, {"name": "a"}],
        ),
        (
            {"filesystems": [{"name": "files", "virtiofs": {}}]},
            [FILES, CLAIM_A],
            [{"name": "a"}, OURS],
        ),
        ({}, [], [OURS]),
    ],
)
@pytest.mark.parametrize("delivery", ["UserData", "Disk"])
def test_a_volume_without_a_disk_gets_the_one_that_kubevirt_would_add(
    devices: dict[str, Any], volumes: list[Any], disks: list[Any], delivery: str
) -> None:
    provider = changed(PROVIDER, f"{SPEC}.volumes", volumes)
    provider = changed(provider, f"{DOMAIN}.devices", devices)
    path = "spec.virtualClusters.0.joinToken.delivery"
    config = changed(CONFIG, path, delivery)
    if delivery == "Disk":
        config = changed(config, "spec.virtualClusters.0.joinToken.secretKeyRef", {"name": "join"})
        config = changed(config, "spec.virtualClusters.0.certificateAuthority", {"system": True})
    done = function(resource_list(provider, CLAIM, SECRET, config=config))
    assert done.code == 0, done.stderr
    [machine] = made(done)
    join = [{"name": "krmfn-join", "disk": BUS}] if delivery == "Disk" else []
    assert domain(machine)["devices"]["disks"] == disks + join


def test_nulls_do_not_come_out() -> None:
    machine = rendered(
        (f"{SPEC}.nodeSelector", None), (f"{SPEC}.tolerations", [{"key": "a", "value": None}])
    )
    assert "nodeSelector" not in machine["spec"]["template"]["spec"]
    assert machine["spec"]["template"]["spec"]["tolerations"] == [{"key": "a"}]
