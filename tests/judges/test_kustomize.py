"""Under the real kustomize, strings keep their meaning, errors fail the build, and the objects are the promised ones."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.test_folder import interrupted, run
from tests.support import (
    CLAIM,
    CONFIG,
    FIXTURES,
    PROVIDER,
    SECRET,
    TOKEN,
    TOOLS,
    changed,
    krmfn,
    kustomize,
    machines,
    objects,
)
from tests.test_fixtures import FOLDERS

LABELS = [
    "yes", "Yes", "no", "on", "OFF", "y", "N", "true", "True", "FALSE", "null", "Null", "NULL", "nan", "inf", "1", "0", "007", "012", "0o14", "0x1F", "0b11",
    "1_000", "1e3", "1E3", "1e400", "1.0", "1.50", "2001-01-01", "12345678901234567890", "0123456789abcdef", "1-2", "a.b_c-d", "", "08", "5Gi", "0.1.2", "e3",
]  # fmt: skip


def kustomization(folder: Path, *items: object, config: object = CONFIG) -> Path:
    (folder / "items.yaml").write_text("\n---\n".join(json.dumps(item) for item in items))
    function = {"config.kubernetes.io/function": "exec:\n  path: krmfn\n"}
    (folder / "config.yaml").write_text(
        yaml.safe_dump(
            {
                **json.loads(json.dumps(config)),
                "metadata": {"name": "nodes", "annotations": function},
            }
        )
    )
    (folder / "kustomization.yaml").write_text(
        "resources: [items.yaml]\ntransformers: [config.yaml]\n"
    )
    return folder


def test_labels_mean_the_same_before_and_after(tmp_path: Path) -> None:
    labels = {f"example.com/l{index}": value for index, value in enumerate(LABELS)}
    provider = PROVIDER
    for at in ("metadata", "spec.template.metadata"):
        provider = changed(provider, f"spec.kubeVirt.virtualMachineTemplate.{at}.labels", labels)
    provider = changed(
        provider, "spec.kubeVirt.virtualMachineTemplate.metadata.annotations", labels
    )
    built = kustomize(kustomization(tmp_path, provider, CLAIM, SECRET))
    assert built.returncode == 0, built.stderr
    [machine] = machines(built.stdout)
    for found in (
        machine["metadata"]["labels"],
        machine["metadata"]["annotations"],
        machine["spec"]["template"]["metadata"]["labels"],
    ):
        assert {key: value for key, value in found.items() if key in labels} == labels


@pytest.mark.parametrize("scalar", ["yes", "0o14", "1:30", "y", "on", "1e400"])
def test_plain_scalars_that_kustomize_takes_for_text_stay_text(tmp_path: Path, scalar: str) -> None:
    provider = changed(
        PROVIDER, "spec.kubeVirt.virtualMachineTemplate.metadata.annotations", {"a": "SCALAR"}
    )
    folder = kustomization(tmp_path, provider, CLAIM, SECRET)
    items = folder / "items.yaml"
    items.write_text(items.read_text().replace('"SCALAR"', scalar))
    built = kustomize(folder)
    if scalar == "0o14":
        assert "metadata.annotations.a: is 12; must be text in quotes" in built.stderr
    else:
        assert machines(built.stdout)[0]["metadata"]["annotations"]["a"] == scalar


def test_an_error_fails_the_build_and_is_shown(tmp_path: Path) -> None:
    built = kustomize(
        kustomization(tmp_path, PROVIDER, changed(CLAIM, "spec.typeRef", "x"), SECRET)
    )
    assert built.returncode != 0
    assert built.stdout == ""
    assert (
        'error: NodeClaim p-default/node-1: spec.typeRef: is "x"; the provider has small'
        in built.stderr
    )
    assert TOKEN not in built.stderr


def test_with_origin_annotations_an_error_names_the_file(tmp_path: Path) -> None:
    for name in ("base", "overlay"):
        (tmp_path / name).mkdir()
    kustomization(tmp_path / "base", PROVIDER, changed(CLAIM, "spec.typeRef", "smal"), SECRET)
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [items.yaml]\n")
    (tmp_path / "base" / "config.yaml").rename(tmp_path / "overlay" / "config.yaml")
    (tmp_path / "overlay" / "kustomization.yaml").write_text(
        "resources: [../base]\nbuildMetadata: [originAnnotations]\ntransformers: [config.yaml]\n"
    )
    built = kustomize(tmp_path / "overlay")
    assert built.returncode == 1
    place = "../base/items.yaml: NodeClaim p-default/node-1: spec.typeRef"
    assert f'error: {place}: is "smal"; the provider has small' in built.stderr


def test_a_foreign_object_passes_and_a_secret_of_the_token_does_not(tmp_path: Path) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "foreign"},
        "data": {"a": "1e3", "b": "yes"},
    }
    built = kustomize(kustomization(tmp_path, PROVIDER, CLAIM, SECRET, foreign))
    found = {value["metadata"]["name"]: value for value in yaml.safe_load_all(built.stdout)}
    assert set(found) == {"foreign", "node-1", "node-1-cloud-init"}
    assert found["foreign"] == foreign


def overlaid(folder: Path, text: str) -> Path:
    """An overlay with krmfn's config over a base that holds the items."""
    base, overlay = folder / "base", folder / "overlay"
    for each in (base, overlay):
        each.mkdir()
    kustomization(base, PROVIDER, CLAIM, SECRET)
    (base / "config.yaml").rename(overlay / "config.yaml")
    (base / "kustomization.yaml").write_text("resources: [items.yaml]\n")
    (overlay / "kustomization.yaml").write_text(
        "resources: [../base]\ntransformers: [config.yaml]\n" + text
    )
    return overlay


def test_what_an_overlay_patches_goes_in(tmp_path: Path) -> None:
    patch = '{"op": "replace", "path": "/spec/kubeVirt/clusterRef/namespace", "value": "staging"}'
    built = kustomize(
        overlaid(tmp_path, f"patches: [{{target: {{kind: NodeProvider}}, patch: '[{patch}]'}}]\n")
    )
    assert [value["metadata"]["namespace"] for value in machines(built.stdout)] == ["staging"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("namePrefix: x-\n", 'spec.providerRef: is "edge"; the NodeProviders here are x-edge'),
        ("namespace: other\n", ""),
        ("labels: [{pairs: {team: a}}]\n", ""),
    ],
)
def test_what_a_base_renames_is_input(tmp_path: Path, text: str, said: str) -> None:
    overlay = overlaid(tmp_path, "")
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [items.yaml]\n" + text)
    built = kustomize(overlay)
    assert said in built.stderr
    assert bool(built.stdout) == (not said)


def test_a_prefix_beside_the_transformer_renames_its_input(tmp_path: Path) -> None:
    folder = kustomization(tmp_path, PROVIDER, CLAIM, SECRET)
    with (folder / "kustomization.yaml").open("a") as file:
        file.write("namePrefix: x-\n")
    assert (
        'spec.providerRef: is "edge"; the NodeProviders here are x-edge' in kustomize(folder).stderr
    )


def test_a_prefix_in_an_overlay_breaks_what_refers_to_a_name(tmp_path: Path) -> None:
    """What the documentation warns of: should kustomize learn it one day, the page has to change."""
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    for each in (base, overlay):
        each.mkdir()
    kustomization(base, PROVIDER, CLAIM, SECRET)
    (overlay / "kustomization.yaml").write_text("resources: [../base]\nnamePrefix: x-\n")
    built = kustomize(overlay)
    [machine] = machines(built.stdout)
    assert machine["metadata"]["name"] == "x-node-1"
    assert {"name": "node-1-cloud-init"} in [
        volume.get("cloudInitNoCloud", {}).get("secretRef")
        for volume in machine["spec"]["template"]["spec"]["volumes"]
    ]


def test_generated_config_maps_and_secrets(tmp_path: Path) -> None:
    values = "privateNodes: {enabled: true, autoNodes: [{provider: edge, static: [{name: workers, quantity: 2}]}]}\n"
    folder = kustomization(tmp_path, PROVIDER)
    (folder / "vcluster.yaml").write_text(values)
    (folder / "token").write_text(TOKEN)
    (folder / "ca.crt").write_text(SECRET["stringData"]["ca.crt"])
    (folder / "kustomization.yaml").write_text(
        "resources: [items.yaml]\ntransformers: [config.yaml]\n"
        "configMapGenerator: [{name: values, files: [vcluster.yaml], options: {labels: {krmfn.dev/vcluster: tenant-1}}}]\n"
        "secretGenerator: [{name: join, files: [token, ca.crt], options: {disableNameSuffixHash: true}}]\n"
    )
    built = kustomize(folder)
    assert [value["metadata"]["name"] for value in machines(built.stdout)] == [
        "tenant-1-workers-0",
        "tenant-1-workers-1",
    ], built.stderr


@pytest.mark.parametrize("case", FOLDERS)
def test_kustomize_builds_the_same_objects(case: str) -> None:
    built = kustomize(FIXTURES / case)
    assert built.returncode == 0, built.stderr
    made = {
        key(value): value
        for value in objects(built.stdout)
        if value["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "krmfn"
    }
    promised = {
        key(value): value for value in objects((FIXTURES / case / "expected.yaml").read_text())
    }
    assert made == promised
    # What was consumed is not left for the cluster.
    assert not [
        value
        for value in objects(built.stdout)
        if value["kind"] in ("NodeProvider", "NodeClaim", "KubeVirtNodes")
    ]


def key(value: dict[str, Any]) -> tuple[str, str, str]:
    return value["kind"], value["metadata"].get("namespace", ""), value["metadata"]["name"]


def test_kustomize_gives_the_same_from_the_folder_as_from_the_function(package: Path) -> None:
    run(package)
    assert (
        kustomize(package / "out").stdout
        == kustomize(package / "in").stdout
        == kustomize(package / "out" / "kubevirt-1").stdout
        != ""
    )


def test_an_interrupted_run_leaves_a_folder_that_kustomize_builds(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in interrupted(package, monkeypatch):
        assert objects(kustomize(package / "out").stdout)


def test_kustomize_builds_the_example_that_init_writes(tmp_path: Path) -> None:
    assert krmfn("init", "a/b", cwd=tmp_path).returncode == 0
    assert len(objects(kustomize(tmp_path / "a" / "b").stdout)) == 3


def test_a_build_that_forgets_enable_exec_is_empty(package: Path) -> None:
    """kustomize skips functions then, and succeeds: what it prints must not be taken for all there is."""
    done = subprocess.run(
        [TOOLS / "kustomize", "build", "--enable-alpha-plugins", package / "in"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert len(machines(kustomize(package / "in").stdout)) == 2
