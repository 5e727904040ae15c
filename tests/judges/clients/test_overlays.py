"""`krmfn render -k`, `krmfn plan -k` and the real kustomize agree on every object, and no reference dangles."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import FIXTURES, ROOT, TOOLS, is_taken, judged, krmfn, kustomize, objects

PATH = os.pathsep.join([str(Path(sys.executable).parent), str(TOOLS), os.environ["PATH"]])
STARTER = ROOT / "krmfn" / "commands" / "starter"
NAMES = "components: [../kustomize]\n"
PREFIX = "namePrefix: staging-\nnameSuffix: -y\n"
TO_STAGING = """
patches:
- target: {kind: NodeProvider}
  patch: |-
    - {op: replace, path: /spec/kubeVirt/clusterRef/namespace, value: staging}
"""
CORES = """
patches:
- target: {kind: VirtualMachine, labelSelector: krmfn.dev/pool=workers}
  patch: |-
    - {op: replace, path: /spec/template/spec/domain/cpu/cores, value: 4}
    - {op: add, path: /spec/template/spec/nodeSelector, value: {zone: a}}
"""
QUANTITY = """
configMapGenerator:
- name: sizes
  literals: [workers=3]
  options: {annotations: {config.kubernetes.io/local-config: "true"}}
replacements:
- source: {kind: ConfigMap, name: sizes, fieldPath: data.workers}
  targets:
  - select: {kind: ConfigMap, name: tenant-1-values}
    fieldPaths: ['data.[vcluster.yaml].privateNodes.autoNodes.0.static.0.quantity']
"""
SECRET = """
secretGenerator:
- {name: tenant-1-join, namespace: machines, literals: [token=abcdef.0123456789abcdef]}
"""
WITHOUT_PROVIDER = """
patches:
- target: {kind: NodeProvider}
  patch: |-
    $patch: delete
    apiVersion: management.loft.sh/v1
    kind: NodeProvider
    metadata: {name: kubevirt}
"""


@dataclass(frozen=True)
class Overlay:
    """A kustomization `top` over the declarations, or over `nodes`, which runs krmfn; and what stands beside them."""

    top: str
    machines: int = 2
    more: dict[str, str] = field(default_factory=dict)
    runs_krmfn: bool = True


def inputs(text: str, machines: int = 2, more: dict[str, str] | None = None) -> Overlay:
    """An overlay over the declarations, which runs krmfn itself."""
    return Overlay(
        f"resources: [../declared]\ntransformers: [nodes.yaml]\n{text}", machines, more or {}
    )


def output(text: str, machines: int = 2, more: dict[str, str] | None = None) -> Overlay:
    """An overlay over a base that runs krmfn."""
    return Overlay(f"resources: [../nodes]\n{text}", machines, more or {})


def piped(text: str, machines: int = 2, more: dict[str, str] | None = None) -> Overlay:
    """An overlay over the declarations without krmfn: the config is beside it or among them."""
    return Overlay(f"resources: [../declared]\n{text}", machines, more or {}, runs_krmfn=False)


VCLUSTER = yaml.safe_load((STARTER / "tenant-1.yaml").read_text())["data"]["vcluster.yaml"]
OVERLAYS = {
    "inputs as they are": inputs(""),
    "a JSON patch on the provider": inputs(TO_STAGING),
    "a merge patch on the provider": inputs(
        "patches: [{path: patch.yaml}]\n",
        more={
            "patch.yaml": "apiVersion: management.loft.sh/v1\nkind: NodeProvider\nmetadata: {name: kubevirt}\nspec: {kubeVirt: {clusterRef: {namespace: staging}}}\n"
        },
    ),
    "a replacement in the vcluster.yaml": inputs(QUANTITY, 3),
    "a generated vcluster.yaml": Overlay(
        "resources: [provider.yaml]\ntransformers: [nodes.yaml]\n"
        "configMapGenerator: [{name: values, files: [vcluster.yaml], options: {labels: {krmfn.dev/vcluster: tenant-1}}}]\n",
        2,
        {"provider.yaml": (STARTER / "provider.yaml").read_text(), "vcluster.yaml": VCLUSTER},
    ),
    "a config that a kustomization of its own patches": Overlay(
        "resources: [../declared]\ntransformers: [../config]\n",
        2,
        {
            "../config/nodes.yaml": (STARTER / "nodes.yaml").read_text(),
            "../config/kustomization.yaml": 'resources: [nodes.yaml]\npatches: [{target: {kind: KubeVirtNodes}, patch: \'[{"op": "add", "path": "/spec/cloudInitSecrets", "value": "PerNode"}]\'}]\n',
        },
    ),
    "a labelled input": inputs(
        "labels: [{pairs: {team: blue}}]\ncommonAnnotations: {contact: ops}\n"
    ),
    "a generated Secret with the token": inputs(SECRET + NAMES),
    "a patch on the output": output(CORES),
    "labels and annotations on the output": output(
        "labels: [{pairs: {team: blue}, includeTemplates: true}]\ncommonAnnotations: {contact: ops}\n"
    ),
    "a namespace for the output": output("namespace: other\n" + NAMES),
    "a prefix and a suffix": output(PREFIX + NAMES),
    "a prefix, a suffix and a namespace": output(PREFIX + "namespace: other\n" + NAMES),
    "two prefixes": Overlay(
        f"resources: [../middle]\nnamePrefix: a-\n{NAMES}",
        2,
        {"../middle/kustomization.yaml": "resources: [../nodes]\nnamePrefix: b-\n"},
    ),
    "the component below the prefix": Overlay(
        "resources: [../middle]\nnamePrefix: a-\n",
        2,
        {
            "../middle/kustomization.yaml": f"resources: [../declared]\ntransformers: [nodes.yaml]\n{NAMES}",
            "../middle/nodes.yaml": (STARTER / "nodes.yaml").read_text(),
        },
    ),
    "a component that patches and renames": output(
        "components: [../variant]\n",
        more={
            "../variant/kustomization.yaml": f"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{PREFIX}{NAMES}{CORES}"
        },
    ),
    "a prefix and a patch": output(PREFIX + NAMES + CORES),
    "a machine less": output(
        "patches: [{target: {kind: VirtualMachine, name: tenant-1-workers-1}, patch: '{$patch: delete, apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: any}}'}]\n",
        1,
    ),
    "images": output("images: [{name: quay.io/containerdisks/ubuntu, newTag: '26.04'}]\n"),
    "a replacement of the output": output(
        "configMapGenerator: [{name: more, literals: [node=x]}]\n"
        "replacements: [{source: {kind: VirtualMachine, name: tenant-1-workers-0, fieldPath: metadata.name}, targets: [{select: {kind: ConfigMap, name: more}, fieldPaths: [data.node]}]}]\n"
    ),
    "build metadata": output(
        "buildMetadata: [managedByLabel, originAnnotations, transformerAnnotations]\n"
    ),
    "a generator": Overlay(
        f"generators: [config.yaml]\nnamespace: prod\n{PREFIX}{NAMES}",
        1,
        {"config.yaml": (FIXTURES / "generator" / "config.yaml").read_text()},
    ),
    "two environments": Overlay(
        "resources: [../staging, ../production]\n",
        4,
        {
            "../staging/kustomization.yaml": f"resources: [../nodes]\nnamePrefix: staging-\n{NAMES}{WITHOUT_PROVIDER}- target: {{kind: ConfigMap}}\n  patch: '{{$patch: delete, apiVersion: v1, kind: ConfigMap, metadata: {{name: any}}}}'\n",
            "../production/kustomization.yaml": f"resources: [../nodes]\nnamePrefix: production-\n{NAMES}{WITHOUT_PROVIDER}- target: {{kind: ConfigMap}}\n  patch: '{{$patch: delete, apiVersion: v1, kind: ConfigMap, metadata: {{name: any}}}}'\n",
        },
    ),
    "rendered files under a prefix": Overlay(f"resources: [../rendered]\n{PREFIX}"),
    "declarations with the config beside": piped(
        "", more={"nodes.yaml": (STARTER / "nodes.yaml").read_text()}
    ),
    "declarations with the config among them": Overlay(
        f"resources: [../declared, nodes.yaml]\n{TO_STAGING}",
        runs_krmfn=False,
    ),
    "declarations with a replacement": piped(QUANTITY, 3),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """The folder of an overlay, and what it gives: by kustomize, and by krmfn after it where it is not a function."""
    known: dict[str, tuple[Path, str]] = {}

    def build(name: str) -> tuple[Path, str]:
        if name not in known:
            folder = written(OVERLAYS[name], tmp_path_factory.mktemp("overlay"))
            done = kustomize(folder)
            assert done.returncode == 0, done.stderr
            text = done.stdout
            if not OVERLAYS[name].runs_krmfn:
                config = str(folder / "nodes.yaml")
                again = krmfn("render", "-", "--config", config, stdin=unmarked(folder))
                assert again.returncode == 0, again.stderr
                text = again.stdout
            known[name] = (folder, text)
        return known[name]

    return build


def written(overlay: Overlay, folder: Path) -> Path:
    """Write an overlay, and all that it may lie on."""
    shutil.copytree(ROOT / "kustomize", folder / "kustomize")
    shutil.copytree(STARTER, folder / "nodes")
    shutil.copytree(STARTER, folder / "declared")
    (folder / "declared" / "nodes.yaml").unlink()
    (folder / "declared" / "kustomization.yaml").write_text(
        "resources: [provider.yaml, tenant-1.yaml]\n"
    )
    assert krmfn("render", "-o", str(folder / "rendered"), str(folder / "nodes")).returncode == 0
    top = folder / "top"
    top.mkdir()
    shutil.copy(STARTER / "nodes.yaml", top)
    for name, text in {"kustomization.yaml": overlay.top, **overlay.more}.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    return top


def unmarked(folder: Path) -> str:
    """What kustomize prints of a folder if nothing in it is local config."""
    copy = shutil.copytree(folder.parent, folder.parent.with_name(f"{folder.parent.name}-unmarked"))
    for file in (copy / "declared").iterdir():
        file.write_text(re.sub(r" +config.kubernetes.io/local-config.*\n", "", file.read_text()))
    text = kustomize(copy / folder.name).stdout
    assert "kind: NodeProvider" in text
    return text


def ours(text: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The machines and Secrets of a stream that krmfn made, by kind, namespace and name."""
    return {
        (one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]): one
        for one in objects(text)
        if "krmfn.dev/owner" in one["metadata"].get("annotations", {})
    }


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run krmfn with kustomize on the PATH."""
    return subprocess.run(
        [sys.executable, "-m", "krmfn", *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": PATH, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_agree(name: str, built: Callable[[str], tuple[Path, str]]) -> None:
    folder, text = built(name)
    rendered = run("render", "-k", "top", cwd=folder.parent)
    assert rendered.returncode == 0, rendered.stderr
    assert "renamed-object" not in rendered.stderr
    assert objects(rendered.stdout) == objects(text)
    expected = {key for key in ours(text) if key[0] == "VirtualMachine"}
    assert len(expected) == OVERLAYS[name].machines

    planned = run("plan", "-k", "top", "-o", "json", cwd=folder.parent)
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    machines = [row["machine"] for row in document["claims"]]
    assert sorted((row["namespace"], row["name"]) for row in machines) == sorted(
        key[1:] for key in expected
    )
    assert sum(row["virtualMachines"] for row in document["totals"]) == len(expected)

    (folder.parent / "before.yaml").write_text(text)
    compared = run("plan", "-k", "top", "--against", "before.yaml", "-o", "json", cwd=folder.parent)
    assert compared.returncode == 0, compared.stderr
    found = json.loads(compared.stdout)
    machines = [kind for kind, _, _ in ours(text) if kind == "VirtualMachine"]
    assert (found["summary"], found["secrets"]) == ({"unchanged": len(machines)}, {})


@pytest.mark.parametrize(
    "name", [name for name in OVERLAYS if name != "rendered files under a prefix"]
)
def test_files_hold_the_same(name: str, built: Callable[[str], tuple[Path, str]]) -> None:
    folder, text = built(name)
    allow = "--allow-plaintext-token"
    done = run("render", "-k", "top", "-o", "out", allow, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    files = (folder.parent / "out").glob("*/tenant-1-*.yaml")
    assert ours("---\n".join(file.read_text() for file in files)) == ours(text)
    assert ours(kustomize(folder.parent / "out").stdout).keys() == ours(text).keys()
    again = run("render", "-k", "top", "-o", "out", allow, "--check", cwd=folder.parent)
    assert (again.returncode, again.stdout) == (0, "")


def dangling(text: str) -> list[str]:
    """The Secrets and DataVolumes that machines name, and that nothing makes."""
    secrets = {
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in objects(text)
        if one["kind"] == "Secret"
    }
    lost = []
    for (kind, namespace, name), machine in ours(text).items():
        if kind != "VirtualMachine":
            continue
        disks = {one["metadata"]["name"] for one in machine["spec"].get("dataVolumeTemplates", [])}
        for volume in machine["spec"]["template"]["spec"]["volumes"]:
            cloud_init = volume.get("cloudInitNoCloud", {})
            for reference in ("secretRef", "networkDataSecretRef"):
                secret = cloud_init.get(reference, {}).get("name")
                if secret and (namespace, secret) not in secrets:
                    lost.append(f"{name}: Secret {secret}")
            disk = volume.get("dataVolume", {}).get("name")
            if disk and disk not in disks:
                lost.append(f"{name}: DataVolume {disk}")
            token = volume.get("secret", {}).get("secretName")
            if token and any(one[1].startswith(f"{token}-") for one in secrets):
                lost.append(f"{name}: Secret {token}")
    return lost


def test_kubevirt_takes_all_and_nothing_dangles(built: Callable[[str], tuple[Path, str]]) -> None:
    machines = []
    for name in OVERLAYS:
        text = built(name)[1]
        assert dangling(text) == [], name
        machines += [one for key, one in ours(text).items() if key[0] == "VirtualMachine"]
    for machine, answer in zip(machines, judged(machines), strict=True):
        assert is_taken(answer), (machine["metadata"]["name"], answer)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("a prefix and a suffix", 'names Secret "tenant-1-workers-cloud-init"'),
        ("a generated Secret with the token", 'names Secret "tenant-1-join"'),
        ("a generator", 'names Secret "tenant-1-a-cloud-init"'),
    ],
)
def test_without_the_component_names_dangle(name: str, lost: str, tmp_path: Path) -> None:
    overlay = OVERLAYS[name]
    folder = written(Overlay(overlay.top.replace(NAMES, ""), 2, overlay.more), tmp_path)
    assert dangling(kustomize(folder).stdout)
    for command in ("render", "plan"):
        done = run(command, "-k", "top", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert lost in done.stderr
        assert "(renamed-object)" in done.stderr


def test_a_clone_of_a_disk_of_the_same_machine_can_not_follow_a_prefix(tmp_path: Path) -> None:
    folder = written(OVERLAYS["a prefix and a suffix"], tmp_path)
    provider = tmp_path / "nodes" / "provider.yaml"
    clone = "- {metadata: {name: copy}, spec: {source: {pvc: {name: root, namespace: machines}}, storage: {}}}\n"
    provider.write_text(
        provider.read_text()
        .replace("        template:\n", f"        {clone}        template:\n", 1)
        .replace("            volumes:\n", "            volumes:\n            - {name: copy, dataVolume: {name: copy}}\n")
    )  # fmt: skip
    done = run("plan", "-k", folder.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        'names DataVolume "tenant-1-workers-0-root", which kustomize renamed; kustomize can'
        in done.stderr
    )


def test_the_function_says_that_a_hash_is_to_come(tmp_path: Path) -> None:
    overlay = OVERLAYS["a generated Secret with the token"]
    for components, lines in ((NAMES, 0), ("", 1)):
        folder = written(
            Overlay(overlay.top.replace(NAMES, components)), tmp_path / (components[:4] or "none")
        )
        said = kustomize(folder).stderr
        assert said.count("(renamed-object)") == lines, said
        assert (
            said.count(
                "warning: Secret machines/tenant-1-join: metadata.name: gets a hash at its end from kustomize, "
            )
            == lines
        )


def refused(folder: Path, *command: str) -> str:
    """What a refused run says: one line an error, and no output."""
    done = run(*command, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert all(line.startswith(("error: ", "warning: ")) for line in done.stderr.splitlines())
    return done.stderr


def test_a_second_run_undoes_nothing(tmp_path: Path) -> None:
    """krmfn in a base and again in the overlay: what changes in between is an error that names the cause and no file."""
    again = "transformers: [nodes.yaml]\n"
    folder = written(output(again), tmp_path / "same")
    built = kustomize(folder)
    assert (built.returncode, len(ours(built.stdout))) == (0, 3), built.stderr
    for number, text in enumerate((TO_STAGING, CORES)):
        folder = written(output(again + text), tmp_path / str(number))
        said = kustomize(folder).stderr
        assert "was rendered by krmfn in a base, and comes out otherwise here" in said
        assert "error: VirtualMachine" in said or "error: Secret" in said
        assert "run krmfn only once" in refused(folder.parent, "plan", "-k", "top")


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        (
            output(CORES.replace("value: 4}", "value: -1}")),
            "error: top: VirtualMachine machines/tenant-1-workers-0: spec.template.spec.domain.cpu.cores: ",
        ),
        (
            inputs(TO_STAGING.replace("staging", "A_B")),
            "error: top: NodeProvider kubevirt: spec.kubeVirt.clusterRef.namespace: ",
        ),
        (
            Overlay("resources: [../declared]\nvalidators: [nodes.yaml]\n"),
            "list krmfn's config under transformers, not validators\n",
        ),
        (
            Overlay("resources: [../nodes, ../other]\n", 2, {"../other/kustomization.yaml": "resources: [../declared]\n"}),
            "already registered id: ",
        ),
        (Overlay("resources: [missing.yaml]\n"), "error: top: kustomize: accumulating resources: "),
        (Overlay("unknown: 1\n"), 'error: top: kustomize: invalid Kustomization: json: unknown field "unknown"'),
    ],
)  # fmt: skip
def test_what_is_refused(overlay: Overlay, said: str, tmp_path: Path) -> None:
    folder = written(overlay, tmp_path)
    for command in ("render", "plan"):
        assert said in refused(folder.parent, command, "-k", "top")


def test_a_mistake_in_a_file_has_its_line(tmp_path: Path) -> None:
    folder = written(inputs(TO_STAGING), tmp_path)
    provider = tmp_path / "declared" / "provider.yaml"
    lines = provider.read_text().replace("cores: 2", "cores: -2").splitlines()
    provider.write_text("\n".join(lines) + "\n")
    line = next(number for number, text in enumerate(lines, 1) if "cores: -2" in text)
    column = lines[line - 1].index("cores") + 1
    said = refused(folder.parent, "plan", "-k", "top")
    assert f"error: declared/provider.yaml:{line}:{column}: NodeProvider kubevirt: " in said


def test_causes_name_the_file_or_the_kustomization(tmp_path: Path) -> None:
    folder = written(output(PREFIX + NAMES + CORES), tmp_path)
    done = run("plan", "-k", "top", "--against", "before", "-o", "json", cwd=folder.parent)
    assert done.returncode == 1
    (tmp_path / "before").mkdir()
    built = (
        kustomize(folder).stdout.replace("cores: 4", "cores: 1").replace("guest: 4Gi", "guest: 2Gi")
    )
    (tmp_path / "before" / "all.yaml").write_text(built)
    done = run("plan", "-k", "top", "--against", "before", "-o", "json", cwd=folder.parent)
    fields = [one for change in json.loads(done.stdout)["changes"] for one in change["fields"]]
    causes = {one["path"].rpartition(".")[2]: one["cause"] for one in fields}
    assert causes == {
        "cores": "top/kustomization.yaml",
        "guest": "nodes/provider.yaml: NodeProvider kubevirt: spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain.memory.guest",
    }


def test_kustomize_has_to_be_there(tmp_path: Path) -> None:
    folder = written(inputs(""), tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "krmfn", "plan", "-k", folder],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "-k builds with kustomize, which is not on the PATH; install it" in done.stderr
    usage = run("plan", "nodes", "-k", "top", cwd=tmp_path)
    assert usage.returncode == 2
    assert "-k DIR builds one kustomization; it does not go with other paths" in usage.stderr
