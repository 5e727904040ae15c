"""Under the real kpt, a package on disk gets the files of its machines, and nothing else in it changes."""

import os
import shutil
import subprocess
import sys
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.test_krmignore import files_read, write_tree
from tests.support import CLAIM, PROVIDER, ROOT, SECRET, TOKEN, TOOLS, changed, krmfn, objects

EXAMPLE = ROOT / "examples" / "kpt"
MARK = 'config.kubernetes.io/local-config: "true"'
FUNCTION = {"exec": "krmfn", "configPath": "nodes.yaml"}


def kpt(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run kpt; krmfn is on the PATH, as a user has it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "HOME": str(cwd.parent),
        "KPT_CACHE_DIR": str(cwd.parent / "kpt-cache"),
    }
    return subprocess.run(
        [TOOLS / "kpt", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def render(package: Path) -> str:
    """`kpt fn render`, which has to work; what kpt says."""
    done = kpt("fn", "render", "--allow-exec", cwd=package)
    assert done.returncode == 0, done.stderr
    return done.stderr


def snapshot(package: Path) -> dict[str, bytes]:
    """The package's files, by path."""
    return {
        file.relative_to(package).as_posix(): file.read_bytes()
        for file in sorted(package.rglob("*"))
        if file.is_file()
    }


def rendered(package: Path) -> dict[str, list[dict[str, Any]]]:
    """The objects in rendered/, by file."""
    return {
        name: objects(text.decode())
        for name, text in snapshot(package).items()
        if name.startswith("rendered/")
    }


def ordered(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(values, key=lambda value: (value["kind"], value["metadata"]["name"]))


def kptfile(*mutators: dict[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kpt.dev/v1",
            "kind": "Kptfile",
            "metadata": {"name": "nodes"},
            "pipeline": {"mutators": list(mutators)},
        }
    )


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def inline(**data: str) -> dict[str, Any]:
    return {"exec": "krmfn", "configMap": data}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The example as users get it."""
    return shutil.copytree(EXAMPLE, tmp_path / "nodes")


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    """A package of two virtual clusters, each with an inline config."""
    folder = tmp_path / "tenants"
    folder.mkdir()
    for tenant in ("tenant-1", "tenant-2"):
        claim = changed(changed(CLAIM, "metadata.name", f"{tenant}-a"), "spec.vClusterRef", tenant)
        (folder / f"{tenant}.yaml").write_text(
            yaml.safe_dump_all([claim, changed(SECRET, "metadata.name", f"{tenant}-join")])
        )
    (folder / "provider.yaml").write_text(yaml.safe_dump(PROVIDER))
    mutators = [
        inline(
            virtualCluster=tenant, endpoint=f"{tenant}.example.com", tokenSecret=f"{tenant}-join"
        )
        for tenant in ("tenant-1", "tenant-2")
    ]
    (folder / "Kptfile").write_text(kptfile(*mutators))
    return folder


def test_the_example_is_what_pkg_get_hands_out_and_renders(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    shutil.copytree(EXAMPLE, upstream / "examples" / "kpt")
    for command in (
        "init -q -b main .",
        "add .",
        "-c user.name=a -c user.email=a@example.com commit -q -m a",
    ):
        subprocess.run(
            ["git", *command.split()],
            cwd=upstream,
            check=True,
            env={**os.environ, "HOME": str(tmp_path)},
        )
    (upstream / ".git").rename(tmp_path / "krmfn.git")
    subprocess.run(["git", "config", "core.bare", "true"], cwd=tmp_path / "krmfn.git", check=True)
    work = tmp_path / "work"
    work.mkdir()
    done = kpt("pkg", "get", f"file://{tmp_path}/krmfn.git/examples/kpt@main", "nodes", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "[PASS]" in render(work / "nodes")
    assert list(rendered(work / "nodes")) == [
        "rendered/kubevirt-1/tenant-1-a.yaml",
        "rendered/kubevirt-1/tenant-1-b.yaml",
    ]


def test_files_hold_what_render_prints(package: Path) -> None:
    expected = ordered(objects(krmfn("render", str(package)).stdout))
    said = render(package)
    files = rendered(package)
    assert [(name, [value["kind"] for value in made]) for name, made in files.items()] == [
        (f"rendered/kubevirt-1/{claim}.yaml", ["Secret", "VirtualMachine"])
        for claim in ("tenant-1-a", "tenant-1-b")
    ]
    assert ordered([value for made in files.values() for value in made]) == expected
    assert (
        "[warning] krmfn.dev/v1alpha1/KubeVirtNodes/nodes spec.virtualClusters[0].joinToken: the output holds the join token"
        in said
    )
    # What was written is no other input to the command either.
    assert ordered(objects(krmfn("render", str(package)).stdout)) == expected


def test_a_second_run_changes_nothing(package: Path) -> None:
    render(package)
    before = snapshot(package)
    render(package)
    assert snapshot(package) == before


def test_the_config_in_a_folder_has_the_machines_beside_it(package: Path) -> None:
    (package / "east").mkdir()
    (package / "nodes.yaml").rename(package / "east" / "nodes.yaml")
    edit(package / "Kptfile", "nodes.yaml", "east/nodes.yaml")
    render(package)
    assert {name for name in snapshot(package) if "rendered" in name} == {
        f"east/rendered/kubevirt-1/{claim}.yaml" for claim in ("tenant-1-a", "tenant-1-b")
    }


def test_an_inline_config_makes_the_same_machines(package: Path) -> None:
    expected = [
        value
        for value in objects(krmfn("render", str(package)).stdout)
        if value["kind"] == "VirtualMachine"
    ]
    (package / "nodes.yaml").unlink()
    (package / "Kptfile").write_text(
        kptfile(inline(endpoint="tenant-1.example.com:443", tokenSecret="tenant-1-join"))
    )
    render(package)
    found = [
        value
        for made in rendered(package).values()
        for value in made
        if value["kind"] == "VirtualMachine"
    ]
    assert len(found) == 2
    for value in found:
        assert value["metadata"].pop("annotations") == {
            "krmfn.dev/owner": "function-input-tenant-1"
        }
    for value in expected:
        del value["metadata"]["annotations"]
    assert ordered(found) == ordered(expected)
    before = snapshot(package)
    render(package)
    assert snapshot(package) == before


def test_two_tenants_in_one_package(tenants: Path) -> None:
    render(tenants)
    files = rendered(tenants)
    assert list(files) == [
        f"rendered/kubevirt-1/{tenant}-a.yaml" for tenant in ("tenant-1", "tenant-2")
    ]
    for tenant, made in zip(("tenant-1", "tenant-2"), files.values(), strict=True):
        assert {value["metadata"]["annotations"]["krmfn.dev/owner"] for value in made} == {
            f"function-input-{tenant}"
        }
    before = snapshot(tenants)
    render(tenants)
    assert snapshot(tenants) == before


def test_a_node_of_one_tenant_changes_no_byte_of_the_other(tenants: Path) -> None:
    render(tenants)
    before = snapshot(tenants)
    claim = changed(changed(CLAIM, "metadata.name", "tenant-2-b"), "spec.vClusterRef", "tenant-2")
    (tenants / "more.yaml").write_text(yaml.safe_dump(claim))
    render(tenants)
    after = snapshot(tenants)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"more.yaml", "rendered/kubevirt-1/tenant-2-b.yaml"}
    (tenants / "more.yaml").unlink()
    render(tenants)
    assert snapshot(tenants) == before


def test_a_claim_that_goes_takes_exactly_its_file(package: Path) -> None:
    render(package)
    before = snapshot(package)
    claims = package / "claims.yaml"
    claims.write_text(claims.read_text().partition("---\n")[0])
    render(package)
    gone = {"rendered/kubevirt-1/tenant-1-b.yaml"}
    kept = {name: text for name, text in before.items() if name not in gone}
    assert snapshot(package) == {**kept, "claims.yaml": claims.read_bytes()}


@pytest.mark.parametrize("quantities", [(1, 3), (3, 1), (2, 0)])
def test_a_pool_grows_and_shrinks_at_its_end(package: Path, quantities: tuple[int, int]) -> None:
    (package / "claims.yaml").unlink()

    def pool(quantity: int) -> None:
        nodes = {
            "static": [
                {
                    "name": "web",
                    "quantity": quantity,
                    "nodeTypeSelector": [{"property": "vcluster.com/node-type", "value": "small"}],
                }
            ]
        }
        values = {"privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", **nodes}]}}
        labelled = {"name": "values", "labels": {"krmfn.dev/vcluster": "tenant-1"}}
        data = {"vcluster.yaml": yaml.safe_dump(values)}
        (package / "vcluster.yaml").write_text(
            yaml.safe_dump(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": labelled, "data": data}
            )
        )
        render(package)

    (package / "nodes.yaml").write_text(
        (package / "nodes.yaml").read_text() + "    allowNoNodes: true\n"
    )
    first, last = quantities
    pool(first)
    before = snapshot(package)
    pool(last)
    after = snapshot(package)
    names = [f"rendered/kubevirt-1/tenant-1-web-{ordinal}.yaml" for ordinal in range(4)]
    shared = "rendered/kubevirt-1/tenant-1-web-cloud-init.yaml"
    for files, quantity in ((before, first), (after, last)):
        expected = [*names[:quantity], *([shared] if quantity else [])]
        assert [name for name in files if "rendered" in name] == expected
    assert {name: after[name] for name in after if name in before and name != "vcluster.yaml"} == {
        name: before[name] for name in before if name in after and name != "vcluster.yaml"
    }


def test_an_error_changes_no_byte_and_is_shown(package: Path) -> None:
    render(package)
    edit(package / "claims.yaml", "typeRef: small", "typeRef: smal")
    before = snapshot(package)
    done = kpt("fn", "render", "--allow-exec", cwd=package)
    assert done.returncode == 1
    assert '[FAIL] "krmfn"' in done.stderr
    claim = "management.loft.sh/v1/NodeClaim/p-default/tenant-1-a"
    assert (
        f'[error] {claim} spec.typeRef: is "smal"; the provider has small (did you mean "small"?)'
        in done.stderr
    )
    assert (
        r"error: claims.yaml: NodeClaim p-default/tenant-1-a: spec.typeRef: is \"smal\""
        in done.stderr
    )
    assert "Exit code: 1" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert snapshot(package) == before


def test_files_of_any_name_and_order_make_the_same_machines(package: Path) -> None:
    render(package)
    before = rendered(package)
    (package / "provider.yaml").rename(package / "zz.yaml")
    first, _, second = (package / "claims.yaml").read_text().partition("---\n")
    (package / "claims.yaml").unlink()
    (package / "a" / "b").mkdir(parents=True)
    (package / "a" / "b" / "x.yaml").write_text(second)
    (package / "y.yaml").write_text(first)
    render(package)
    assert rendered(package) == before


def test_eval_runs_it_once(package: Path) -> None:
    expected = shutil.copytree(package, package.parent / "expected")
    render(expected)
    (package / "Kptfile").unlink()
    (expected / "Kptfile").unlink()
    done = kpt("fn", "eval", "--exec", "krmfn", "--fn-config", "nodes.yaml", cwd=package)
    assert done.returncode == 0, done.stderr
    assert "[PASS]" in done.stderr
    # A config that kpt is given by name is read beside the package, and there it stays as it is.
    assert snapshot(package) == snapshot(expected)


def test_eval_with_an_inline_config(package: Path) -> None:
    (package / "nodes.yaml").unlink()
    arguments = [
        "--exec",
        "krmfn",
        "--",
        "endpoint=tenant-1.example.com:443",
        "tokenSecret=tenant-1-join",
    ]
    done = kpt("fn", "eval", *arguments, cwd=package)
    assert done.returncode == 0, done.stderr
    assert list(rendered(package)) == [
        f"rendered/kubevirt-1/{claim}.yaml" for claim in ("tenant-1-a", "tenant-1-b")
    ]


FOREIGN = {
    "foreign.yaml": """\
# a file of somebody else

apiVersion: v1   # the core group
kind: ConfigMap
metadata:
    name: foreign     # odd indentation
    labels: {a: "1", b: 'two',   c: three}
data: {yes: on, number: 1e3, "quoted" : 'single', octal: 012, list: [a,   b]}
---
# the second document
kind: Widget
apiVersion: example.com/v1
spec:
  list:
  - a
  -   b
  text: |
     kept
       as it is

  folded: >-
    one
    two
  empty: {}
  nothing: ~
metadata: {name: w, namespace: default}
""",
    "chart/values.yaml": "replicas: 1\nimage: {tag: 1.10}\n  # no kind here\n",
    "README.md": "# Nodes\n\n```yaml\nkind: NodeClaim\n```\n",
    "ignored/broken.yaml": "kind: NodeClaim\n  broken: [\n",
    ".krmignore": "ignored/\nchart/\n",
    "script.sh": "#!/bin/sh\n",
}


def test_nothing_else_in_a_package_changes(package: Path) -> None:
    for name, text in FOREIGN.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    (package / "more.yaml").write_text(
        "# more nodes\n"
        + (package / "claims.yaml")
        .read_text()
        .replace("tenant-1-", "tenant-1-more-")
        .replace("spec:", "# why\nspec:   # what")
    )
    # What kpt does by itself, whatever the function.
    plain = shutil.copytree(package, package.parent / "plain")
    edit(plain / "Kptfile", "krmfn", "cat")
    render(plain)
    render(package)
    edit(plain / "Kptfile", "cat", "krmfn")
    before, after = snapshot(plain), snapshot(package)
    marked = {"claims.yaml", "more.yaml", "nodes.yaml", "provider.yaml", "token.yaml"}
    assert {name for name in after if before.get(name) != after[name]} - {
        name for name in after if "rendered/" in name
    } == marked
    assert set(before) <= set(after)
    for name in marked:
        lines = list(ndiff(before[name].decode().splitlines(), after[name].decode().splitlines()))
        assert {line for line in lines if not line.startswith("  ")} == {
            "+   annotations:",
            f"+     {MARK}",
        }, name
        assert after[name].count(MARK.encode()) == len(objects(after[name].decode()))


def test_kpt_refuses_a_file_that_is_no_object(package: Path) -> None:
    (package / "values.yaml").write_text("replicas: 1\n")
    done = kpt("fn", "render", "--allow-exec", cwd=package)
    assert done.returncode == 1
    assert (
        "input resource list must contain only KRM resources: values.yaml: resource must have `apiVersion`"
        in done.stderr
    )


def test_kpt_itself_keeps_what_a_function_returns_as_it_was(package: Path) -> None:
    """What the page says of comments and style that kpt changes whenever a function runs."""
    for name, text in FOREIGN.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    before = snapshot(package)
    edit(package / "Kptfile", "krmfn", "cat")
    render(package)
    edit(package / "Kptfile", "cat", "krmfn")
    assert {name for name, text in snapshot(package).items() if text != before[name]} <= {
        "foreign.yaml"
    }


# kpt reads other lines, such as `a/**`, and files in subfolders, in its own way (tests/manifests/test_krmignore.py).
@pytest.mark.parametrize("line", ["a/", "/a/", "x.yaml", "/x.yaml", "*.yaml\n!x.yaml", "[ab]/"])
def test_krmignore_leaves_out_what_kpt_leaves_out(line: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    write_tree(package, {"": line})
    done = kpt("fn", "source", str(package), cwd=package)
    items = yaml.safe_load(done.stdout)["items"]
    kept = [item["metadata"]["annotations"]["config.kubernetes.io/path"] for item in items]
    assert files_read(package) == sorted(kept), done.stderr
