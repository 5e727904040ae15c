"""Without `-k`, a kustomization that does more than list files is a warning, and in `generate` an error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, krmfn

COMMANDS = [
    ("render", "in"),
    ("plan", "in"),
    ("plan", "in", "--against", "empty"),
    ("explain", "tenant-1-workers-0", "-f", "in"),
    ("render", "-o", "out", "in"),
]
PATCH = "patches: [{target: {kind: NodeProvider}, patch: '[]'}]\n"


@pytest.fixture
def kustomization(package: Path) -> Path:
    (package / "empty").mkdir()
    return package / "in" / "kustomization.yaml"


def plan(package: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    done = krmfn("plan", "in", *more, cwd=package)
    assert done.returncode == 0, done.stderr
    return done


def add(file: Path, text: str) -> None:
    with file.open("a") as stream:
        stream.write(text)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_leaves_out(
    package: Path, kustomization: Path, command: tuple[str, ...]
) -> None:
    assert krmfn(*command, cwd=package).stderr.count("kustomization") == 0
    add(kustomization, PATCH)
    done = krmfn(*command, cwd=package)
    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: in/kustomization.yaml: does more than list files (patches), which counts for kustomize "
        "alone; use -k in for what kustomize builds (kustomization-ignored)\n"
    )


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("namespace: staging\n", "namespace"),
        ("namePrefix: a-\nnameSuffix: -b\n", "namePrefix, nameSuffix"),
        ("labels: [{pairs: {a: b}}]\ncommonAnnotations: {a: b}\n", "labels, commonAnnotations"),
        ("images: [{name: a, newTag: b}]\n", "images"),
        ("replacements: [{path: a}]\n", "replacements"),
        ("configMapGenerator: [{name: a}]\n", "configMapGenerator"),
        ("buildMetadata: [managedByLabel]\n", "buildMetadata"),
        ("components: [../parts/patch]\n", "components"),
        ("components: [https://example.com/component]\n", "components"),
        ("generators: [other.yaml]\n", "generators"),
        ("validators: [nodes.yaml]\n", "validators"),
        # These change nothing by themselves.
        ("components: [../parts/names]\n", ""),
        ("configurations: [a.yaml]\nopenapi: {path: a}\nsortOptions: {order: legacy}\n", ""),
        ("namePrefix: ''\npatches: []\nlabels:\n", ""),
    ],
)
def test_what_a_kustomization_does(
    package: Path, kustomization: Path, text: str, fields: str
) -> None:
    for name, field in (("patch", "patches: [{path: a.yaml}]"), ("names", "configurations: [a]")):
        folder = package / "parts" / name
        folder.mkdir(parents=True)
        (folder / "kustomization.yaml").write_text(f"kind: Component\n{field}\n")
    (package / "in" / "other.yaml").write_text("apiVersion: example.com/v1\nkind: Other\n")
    add(kustomization, text)
    said = plan(package).stderr
    assert (f"does more than list files ({fields})," in said) == bool(fields), said
    assert bool(said) == bool(fields)


@pytest.mark.parametrize("name", ["kustomization.yml", "Kustomization"])
def test_a_kustomization_has_three_names_and_needs_no_kind(
    package: Path, kustomization: Path, name: str
) -> None:
    kustomization.unlink()
    (package / "in" / name).write_text("resources: [provider.yaml, tenant-1.yaml]\n" + PATCH)
    assert f"in/{name}: does more than list files (patches)" in plan(package).stderr


def test_a_base_elsewhere_is_why_something_is_missing(package: Path) -> None:
    (package / "overlay").mkdir()
    (package / "overlay" / "kustomization.yaml").write_text("resources: [../in]\n")
    (package / "in" / "nodes.yaml").rename(package / "overlay" / "nodes.yaml")
    done = krmfn("plan", "overlay", cwd=package)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(
        "warning: overlay/kustomization.yaml: does more than list files (resources)"
    )
    assert "virtual cluster tenant-1 has no claim" in second
    (package / "overlay" / "kustomization.yaml").write_text(
        "resources: [../in, https://example.com/base]\n"
    )
    assert "(resources)" in krmfn("plan", "overlay", "in", cwd=package).stderr


def test_files_that_it_does_not_list(package: Path, kustomization: Path) -> None:
    kustomization.write_text("resources: [tenant-1.yaml]\ntransformers: [nodes.yaml]\n")
    assert "in/kustomization.yaml: does not list provider.yaml, which" in plan(package).stderr


def test_pools_that_it_does_not_list(package: Path, kustomization: Path) -> None:
    """A virtual cluster's values declare nodes too, though they are a ConfigMap."""
    kustomization.write_text("resources: [provider.yaml]\ntransformers: [nodes.yaml]\n")
    assert "in/kustomization.yaml: does not list tenant-1.yaml, which" in plan(package).stderr


def test_kustomizations_of_others_are_not_krmfns_business(
    package: Path, kustomization: Path
) -> None:
    add(kustomization, PATCH)
    other = package / "in" / "other"
    other.mkdir()
    (other / "app.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (other / "kustomization.yaml").write_text("resources: [app.yaml]\nnamePrefix: a-\n")
    (package / "in" / "flux.yaml").write_text(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n"
    )
    assert plan(package).stderr.count("kustomization-ignored") == 1


def test_the_warning_can_be_accepted(package: Path, kustomization: Path) -> None:
    add(kustomization, PATCH)
    config = package / "in" / "nodes.yaml"
    config.write_text(
        config.read_text().replace("spec:", "spec:\n  acceptWarnings: [kustomization-ignored]")
    )
    assert plan(package).stderr == ""


def test_argo_cds_plugin_refuses_it(package: Path, kustomization: Path) -> None:
    def generate(parameters: object) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PYTHONPATH": str(ROOT),
            "ARGOCD_APP_PARAMETERS": json.dumps(parameters),
            "ARGOCD_APP_SOURCE_PATH": "in",
        }
        return subprocess.run(
            [sys.executable, "-m", "krmfn", "generate"],
            cwd=package / "in",
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )

    assert generate([]).returncode == 0
    (package / "more").mkdir()
    (package / "in" / "provider.yaml").rename(package / "more" / "provider.yaml")
    (package / "more" / "kustomization.yaml").write_text("resources: [provider.yaml]\n" + PATCH)
    kustomization.write_text("resources: [tenant-1.yaml]\n")
    done = generate([{"name": "paths", "array": ["../more"]}])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: ../more/kustomization.yaml: does more than list files (patches), which counts for "
        "kustomize alone; use the plugin krmfn-kustomize, which runs krmfn generate -k .\n"
    )


def test_an_earlier_state_is_read_as_it_is_too(package: Path) -> None:
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    assert plan(package, "--against", "out").stderr == ""
    add(package / "out" / "kustomization.yaml", "namespace: other\n")
    assert (
        "out/kustomization.yaml: does more than list files (namespace), which counts for kustomize alone; "
        "pipe in kustomize build out for what kustomize builds"
    ) in plan(package, "--against", "out").stderr
