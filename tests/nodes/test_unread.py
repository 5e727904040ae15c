"""A virtual cluster without a claim: what asks for nodes and was not read is named first."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import (  # fmt: skip
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    krmfn,
    objects,
    refusal,
    resource_list,
)

SELECTOR = [{"property": "vcluster.com/node-type", "value": "small"}]
POOL = {"name": "workers", "quantity": 2, "nodeTypeSelector": SELECTOR}
VALUES = {"privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", "static": [POOL]}]}}
TEXT = yaml.safe_dump(VALUES)
TENANTS = "spec.virtualClusters"


def holder(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "values", "namespace": "p-default"}, **fields}  # fmt: skip


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (holder("ConfigMap", data={"vcluster.yaml": TEXT}), "data[vcluster.yaml]"),
        (holder("Secret", stringData={"values": TEXT}), "stringData.values"),
        (holder("Secret", data={"v": base64.b64encode(TEXT.encode()).decode()}), "data.v"),
    ],
)
def test_what_has_no_label_is_named_before_the_error(item: dict[str, Any], field: str) -> None:
    first, second, *_ = refusal(function(resource_list(PROVIDER, SECRET, item))).splitlines()
    assert first.startswith(f"info: {item['kind']} p-default/values: {field}: asks for nodes")
    assert "label krmfn.dev/vcluster" in first
    assert "virtual cluster tenant-1 has no claim: no NodeClaim names it" in second
    assert second.index("allowNoNodes") > second.index("krmfn.dev/vcluster")


def test_other_texts_are_not_named() -> None:
    others = [
        holder("ConfigMap", data={"a": "autoNodes are a feature", "b": "autoNodes: []\n"}),
        holder("Secret", data={"a": "%%%", "b": "/w=="}),
    ]
    assert "asks for nodes" not in refusal(function(resource_list(PROVIDER, SECRET, *others)))


def folder(where: Path, config: dict[str, Any]) -> Path:
    for name, item in {"config": config, "provider": PROVIDER, "token": SECRET}.items():
        (where / f"{name}.yaml").write_text(yaml.safe_dump(item))
    return where


def test_a_plain_file_is_read_if_it_is_named(tmp_path: Path) -> None:
    values = tmp_path / "values" / "my-vcluster.yaml"
    values.parent.mkdir()
    values.write_text(TEXT)
    declarations = tmp_path / "declarations"
    declarations.mkdir()
    folder(declarations, CONFIG)
    done = krmfn("render", "--all", str(declarations), str(values))
    assert done.returncode == 0, done.stderr
    names = [one["metadata"]["name"] for one in objects(done.stdout) if one["kind"] == "VirtualMachine"]  # fmt: skip
    assert names == ["tenant-1-workers-0", "tenant-1-workers-1"]
    # What is found in a folder may be there for something else.
    done = krmfn("render", str(declarations), str(values.parent))
    assert done.returncode == 1
    assert f"info: {values}:2:3: privateNodes.autoNodes: asks for nodes and is not read" in done.stderr  # fmt: skip
    two = changed(CONFIG, TENANTS, [*CONFIG["spec"]["virtualClusters"], {**CONFIG["spec"]["virtualClusters"][0], "name": "tenant-2"}])  # fmt: skip
    folder(declarations, two)
    assert "asks for nodes and is not read" in krmfn("render", str(declarations), str(values)).stderr  # fmt: skip


def test_two_plain_files_are_one_too_many(tmp_path: Path) -> None:
    folder(tmp_path, CONFIG)
    files = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(TEXT)
        files.append(str(tmp_path / name))
    done = krmfn("render", str(tmp_path), *files)
    assert done.returncode == 1
    assert f"is a second vcluster.yaml of tenant-1; the first is in {files[0]}" in done.stderr
