"""The names of a machine's own DataVolumes, and all that follows them."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.commands.reply import Reply
from tests.support import (
    CLAIM,
    CONFIG,
    FLAT,
    PROVIDER,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

ON_RESTART = changed(CONFIG, "spec.imageUpdates", "OnRestart")
TEMPLATE = "spec.kubeVirt.virtualMachineTemplate.spec"
INSTANCE = f"{TEMPLATE}.template.spec"
STORAGE: dict[str, Any] = {"resources": {"requests": {"storage": "5Gi"}}}
IMAGE: dict[str, Any] = {"source": {"registry": {"url": "docker://x/y:1"}}, "storage": STORAGE}
BLANK = {"source": {"blank": {}}, "storage": STORAGE}
OTHER_CLAIM = changed(CLAIM, "metadata.name", "node-2")


def with_disks(**disks: dict[str, Any]) -> dict[str, Any]:
    """A provider whose machines have a disk from a DataVolume of each of these specs."""
    templates = [{"metadata": {"name": name}, "spec": spec} for name, spec in disks.items()]
    volumes = [{"name": name, "dataVolume": {"name": name}} for name in disks]
    devices = [{"name": name, "disk": {"bus": "virtio"}} for name in disks]
    provider = changed(PROVIDER, f"{TEMPLATE}.dataVolumeTemplates", templates)
    provider = changed(provider, f"{INSTANCE}.volumes", volumes)
    return changed(provider, f"{INSTANCE}.domain.devices.disks", devices)


def run(provider: dict[str, Any], config: dict[str, Any] = ON_RESTART) -> Reply:
    return function(resource_list(provider, CLAIM, SECRET, config=config))


def rendered(provider: dict[str, Any], config: dict[str, Any] = ON_RESTART) -> dict[str, Any]:
    reply = run(provider, config)
    assert reply.code == 0, reply.stderr
    return made(reply)[0]


def templates_of(vm: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The specs of a machine's DataVolumes by their names."""
    return {one["metadata"]["name"]: one["spec"] for one in vm["spec"]["dataVolumeTemplates"]}


def names_of(provider: dict[str, Any], config: dict[str, Any] = ON_RESTART) -> list[str]:
    return list(templates_of(rendered(provider, config)))


def test_the_name_of_an_image_is_for_ever() -> None:
    """Another hash would give every machine a new disk: it changes with no release of krmfn."""
    assert names_of(with_disks(root=IMAGE)) == ["node-1-root-8a2cc35a08"]
    assert names_of(with_disks(root=IMAGE), CONFIG) == ["node-1-root"]


CLAIM_KIND = {"kind": "PersistentVolumeClaim", "name": "golden"}
URL = {"url": "https://x/y"}
# A claim as CDI asks for it.
CLAIMED = {**STORAGE, "accessModes": ["ReadWriteOnce"]}


@pytest.mark.parametrize(
    "spec",
    [
        {"source": {"http": URL}, "storage": STORAGE},
        {"source": {"s3": URL}, "storage": STORAGE},
        {"source": {"gcs": URL}, "storage": STORAGE},
        {"source": {"registry": {"imageStream": "x", "pullMethod": "node"}}, "pvc": CLAIMED},
        {
            "source": {"imageio": {**URL, "diskId": "1", "secretRef": "s", "certConfigMap": "c"}},
            "storage": STORAGE,
        },
        {
            "source": {
                "vddk": {
                    **URL,
                    "backingFile": "x",
                    "secretRef": "s",
                    "uuid": "u",
                    "thumbprint": "t",
                }
            },
            "storage": STORAGE,
        },
        {"source": {"pvc": {"name": "root", "namespace": "images"}}, "storage": STORAGE},
        {"source": {"snapshot": {"name": "x", "namespace": "images"}}, "storage": STORAGE},
        {"sourceRef": {"kind": "DataSource", "name": "x"}, "storage": STORAGE},
        {"storage": {**STORAGE, "dataSource": CLAIM_KIND}},
        {"storage": {**STORAGE, "dataSourceRef": CLAIM_KIND}},
        {"pvc": {**CLAIMED, "dataSourceRef": CLAIM_KIND}},
    ],
)
def test_sources_with_an_image(spec: dict[str, Any]) -> None:
    [name] = names_of(with_disks(root=spec))
    assert re.fullmatch("node-1-root-[0-9a-f]{10}", name)


@pytest.mark.parametrize("source", ["blank", "upload"])
def test_sources_without_an_image(source: str) -> None:
    spec = {"source": {source: {}}, "storage": STORAGE}
    assert names_of(with_disks(root=spec)) == ["node-1-root"]


def test_every_reference_has_the_hash() -> None:
    volumes = [
        {"name": "root", "dataVolume": {"name": "root"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "root"}},
        {"name": "c", "ephemeral": {"persistentVolumeClaim": {"claimName": "root"}}},
        {"name": "d", "memoryDump": {"claimName": "root"}},
    ]
    vm = rendered(changed(with_disks(root=IMAGE), f"{INSTANCE}.volumes", volumes))
    [name] = templates_of(vm)
    text = json.dumps(vm["spec"]["template"]["spec"]["volumes"][:-1])
    assert text.count(f'"{name}"') == len(volumes)
    # The name of the volume itself stays: disks refer to it.
    assert text.count('"root"') == 1


def test_claims_of_one_template_have_one_hash() -> None:
    items = with_disks(root=IMAGE), CLAIM, OTHER_CLAIM, SECRET
    alone = names_of(with_disks(root=IMAGE))
    together = made(function(resource_list(*items, config=ON_RESTART)))
    names = [name for vm in together for name in templates_of(vm)]
    assert names == [*alone, alone[0].replace("node-1", "node-2")]


@pytest.mark.parametrize(
    "properties",
    [
        {"image-url": "docker://x/y:1"},
        {"image-url": "https://x/y"},
        {"image-datasource": "images/ubuntu"},
    ],
)
def test_the_root_disk_of_properties(properties: dict[str, str]) -> None:
    given_properties = {
        f"kubevirt.vcluster.com/{key}": value
        for key, value in (properties | {"root-disk-size": "5Gi"}).items()
    }
    provider = changed(PROVIDER, f"{INSTANCE}.domain.devices", {})
    provider = changed(provider, f"{INSTANCE}.volumes", [])
    vm = rendered(changed(provider, "spec.properties", given_properties))
    [name] = templates_of(vm)
    assert re.fullmatch("node-1-rootdisk-[0-9a-f]{10}", name)
    assert vm["spec"]["template"]["spec"]["volumes"][0]["dataVolume"] == {"name": name}


SPECS = st.fixed_dictionaries(
    {
        "source": st.sampled_from(
            [
                {"registry": {"url": "docker://x/y:1", "pullMethod": "node", "secretRef": "s"}},
                {"http": {"url": "https://x/y", "certConfigMap": "c", "extraHeaders": ["b", "a"]}},
            ]
        ),
        "storage": st.fixed_dictionaries(
            {"resources": st.just({"requests": {"storage": "5Gi"}})},
            optional={
                "accessModes": st.sampled_from([["ReadWriteMany"], ["ReadWriteOnce"]]),
                "storageClassName": st.sampled_from(["fast", "slow"]),
                "volumeMode": st.sampled_from(["Block", "Filesystem"]),
            },
        ),
    },
    optional={"preallocation": st.booleans(), "contentType": st.just("kubevirt")},
)


def shuffled(value: Any, random: Any) -> Any:
    """The same value, with the keys of its mappings in another order."""
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: shuffled(value[key], random) for key in keys}


@settings(max_examples=30, deadline=None)
@given(SPECS, st.sampled_from(["5120Mi", 5368709120, "5368709120", "5.0Gi", "5Gi"]), st.randoms())
def test_another_spelling_is_the_same_disk(
    spec: dict[str, Any], size: str | int, random: Any
) -> None:
    other = changed(shuffled(spec, random), "storage.resources.requests.storage", size)
    assert names_of(with_disks(root=other)) == names_of(with_disks(root=spec))


@settings(max_examples=30, deadline=None)
@given(SPECS, SPECS)
def test_another_spec_is_another_disk(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The whole spec counts, such as its size and its storage class."""
    same = names_of(with_disks(root=one)) == names_of(with_disks(root=other))
    assert same == (one == other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{TEMPLATE}.dataVolumeTemplates.0.metadata.annotations", {"a": "b"}),
        (f"{TEMPLATE}.dataVolumeTemplates.0.metadata.labels", {"a": "b"}),
        (f"{INSTANCE}.domain.cpu.cores", 4),
        ("metadata.labels", {"a": "b"}),
        ("spec.kubeVirt.clusterRef.namespace", "elsewhere"),
    ],
)
def test_what_is_not_in_the_spec_changes_no_disk(path: str, value: Any) -> None:
    provider = with_disks(root=IMAGE)
    assert names_of(changed(provider, path, value)) == names_of(provider)


def clone(name: str, form: str = "source") -> dict[str, Any]:
    """The spec of a DataVolume that is cloned from another of the same machine."""
    if form == "source":
        return {"source": {"pvc": {"name": name, "namespace": "machines"}}, "storage": STORAGE}
    claim = {"kind": "PersistentVolumeClaim", "name": name}
    storage, key = form.split(".")
    return {storage: {**(CLAIMED if storage == "pvc" else STORAGE), key: claim}}


FORMS = ["source", "storage.dataSource", "storage.dataSourceRef", "pvc.dataSource"]


@pytest.mark.parametrize("form", FORMS)
def test_a_clone_follows_its_sibling(form: str) -> None:
    chain = {"last": clone("middle", form), "middle": clone("root", form), "root": IMAGE}
    plain = templates_of(rendered(with_disks(**chain), CONFIG))
    assert '"node-1-middle"' in json.dumps(plain["node-1-last"])
    last, middle, root = templates_of(rendered(with_disks(**chain))).items()
    assert f'"{middle[0]}"' in json.dumps(last[1])
    assert f'"{root[0]}"' in json.dumps(middle[1])
    # The order of the templates does not matter, and a new image is a new disk all the way.
    names = {last[0], middle[0], root[0]}
    assert set(names_of(with_disks(**dict(reversed(chain.items()))))) == names
    other_names = set(names_of(with_disks(**{**chain, "root": {**IMAGE, "source": {"http": URL}}})))
    assert len(other_names) == 3
    assert other_names.isdisjoint(names)


@pytest.mark.parametrize(
    "spec",
    [
        {"sourceRef": {"kind": "DataSource", "name": "root"}, "storage": STORAGE},
        {"storage": {**STORAGE, "dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "root"}}},
        {"storage": {**STORAGE, "dataSource": {"kind": "Other", "name": "root"}}},
        {"storage": {**STORAGE, "dataSourceRef": {**CLAIM_KIND, "name": "root", "namespace": "images"}}},
        {"storage": {**STORAGE, "dataSourceRef": {**CLAIM_KIND, "name": "root", "apiGroup": "x.example.com"}}},
        {"source": {"snapshot": {"name": "root", "namespace": "machines"}}, "storage": STORAGE},
    ],
)  # fmt: skip
def test_what_only_has_a_siblings_name_is_left_alone(spec: dict[str, Any]) -> None:
    for config in (CONFIG, ON_RESTART):
        [_, other] = templates_of(rendered(with_disks(root=BLANK, other=spec), config)).values()
        # Where there is no group, krmfn writes the core one.
        assert json.dumps(other).replace(', "apiGroup": ""', "") == json.dumps(spec)


def test_a_clone_of_a_blank_disk() -> None:
    names = names_of(with_disks(root=BLANK, copy=clone("root")))
    assert names[0] == "node-1-root"
    assert re.fullmatch("node-1-copy-[0-9a-f]{10}", names[1])


def test_clones_in_a_circle_and_in_a_long_chain_have_names() -> None:
    assert len(set(names_of(with_disks(a=clone("b"), b=clone("a"), c=clone("a"))))) == 3
    # A machine has at most 256 disks, two of which are krmfn's.
    length = 253
    chain = {f"d{n}": clone(f"d{n + 1}") for n in range(length)}
    assert len(set(names_of(with_disks(**chain, **{f"d{length}": IMAGE})))) == length + 1


def test_the_hash_counts_for_the_length_of_a_name() -> None:
    longest = 253 - len("node-1-") - len("-0123456789")
    assert names_of(with_disks(root=IMAGE))
    provider = json.loads(json.dumps(with_disks(root=IMAGE)).replace('{"name": "root"}', f'{{"name": "{"a" * longest}"}}'))  # fmt: skip
    assert [len(name) for name in names_of(provider)] == [253]
    provider = json.loads(json.dumps(provider).replace("a" * longest, "a" * (longest + 1)))
    assert names_of(provider, CONFIG)
    assert "makes a DataVolume whose name is " in refusal(run(provider))


def test_claims_clash_only_over_one_hash() -> None:
    def provider(name: str, disk: str, spec: dict[str, Any]) -> dict[str, Any]:
        return changed(with_disks(**{disk: spec}), "metadata.name", name)

    def claim(name: str, ref: str) -> dict[str, Any]:
        return changed(changed(CLAIM, "metadata.name", name), "spec.providerRef", ref)

    claims = claim("a", "p"), claim("a-b", "q")
    alike = [provider("p", "b-c", IMAGE), provider("q", "c", IMAGE)]
    reply = function(resource_list(*alike, *claims, SECRET, config=ON_RESTART))
    assert "makes DataVolume machines/a-b-c-8a2cc35a08, as NodeClaim p-default/a" in refusal(reply)
    others = [provider("p", "b-c", IMAGE), provider("q", "c", {**IMAGE, "source": {"http": URL}})]
    assert function(resource_list(*others, *claims, SECRET, config=ON_RESTART)).code == 0


def test_volumes_that_migrate_would_lose_the_new_image() -> None:
    provider = changed(with_disks(root=IMAGE), f"{TEMPLATE}.updateVolumesStrategy", "Migration")
    said = refusal(run(provider))
    assert said.count("updateVolumesStrategy: is Migration: KubeVirt would copy the old disk") == 1
    assert run(provider, CONFIG).code == 0
    replaced = changed(provider, f"{TEMPLATE}.updateVolumesStrategy", "Replacement")
    assert run(replaced).code == 0
    blank = changed(with_disks(root=BLANK), f"{TEMPLATE}.updateVolumesStrategy", "Migration")
    assert run(blank).code == 0


def test_the_flat_config_does_not_have_it() -> None:
    flat = changed(FLAT, "data.imageUpdates", "OnRestart")
    assert "data.imageUpdates: " in refusal(run(with_disks(root=IMAGE), flat))
