"""What krmfn prints as JSON has the form that its schema promises."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from krmfn.kubevirt.verdicts import VERDICTS
from tests.documents import output_files
from tests.support import (
    CLAIM,
    CONFIG,
    FIXTURES,
    PROVIDER,
    SECRET,
    changed,
    krmfn,
)
from tests.test_fixtures import FOLDERS

SCHEMAS = {file.stem: json.loads(file.read_text()) for file in output_files()}


def valid(text: str, kind: str) -> dict[str, Any]:
    """An output that has the form of its kind."""
    output = json.loads(text)
    assert output["kind"] == kind
    problems = [error.message for error in Draft202012Validator(SCHEMAS[kind]).iter_errors(output)]
    assert problems == []
    return dict(output)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one_and_explains_every_field(kind: str) -> None:
    schema = SCHEMAS[kind]
    Draft202012Validator.check_schema(schema)
    parts = [schema]
    while parts:
        part = parts.pop()
        parts += [*part.get("$defs", {}).values(), *part.get("properties", {}).values()]
        parts += [part["items"]] if "items" in part else []
        assert "$ref" in part or "const" in part or "description" in part or part.keys() == {"type"}
        # A field that is new to the program is new to the schema too.
        assert "properties" not in part or part["additionalProperties"] is False


def test_the_verdicts_are_those_of_the_program() -> None:
    assert SCHEMAS["MachineChanges"]["$defs"]["verdict"]["enum"] == list(VERDICTS)


@pytest.mark.parametrize("case", FOLDERS)
def test_the_plan_of_every_fixture(case: str) -> None:
    folder = FIXTURES / case
    config = folder / "config.yaml"
    files = sorted(str(file) for file in folder.glob("*.yaml") if file.name not in ("expected.yaml", "kustomization.yaml"))  # fmt: skip
    done = krmfn("plan", *files, "-o", "json", *(["--config", str(config)] if config.exists() else []))  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = valid(done.stdout, "NodePlan")
    assert plan["claims"]


def write(folder: Path, provider: Any, *claims: Any) -> Path:
    folder.mkdir()
    items = [provider, CONFIG, SECRET, *claims]
    (folder / "all.yaml").write_text(yaml.safe_dump_all(items))
    return folder


def test_a_change_with_all_that_it_may_have(tmp_path: Path) -> None:
    template = "spec.kubeVirt.virtualMachineTemplate.spec"
    disk = {
        "metadata": {"name": "data"},
        "spec": {
            "source": {"blank": {}},
            "storage": {"resources": {"requests": {"storage": "1Gi"}}},
        },
    }
    provider = changed(PROVIDER, f"{template}.dataVolumeTemplates", [disk])
    volume = {"name": "root", "dataVolume": {"name": "data"}}
    provider = changed(provider, f"{template}.template.spec.volumes", [volume])
    other = changed(CLAIM, "metadata.name", "node-2")
    new = changed(CLAIM, "metadata.name", "node-3")
    before = write(tmp_path / "before", provider, CLAIM, other)
    provider = changed(provider, f"{template}.template.spec.domain.cpu.cores", 2)
    provider = changed(provider, "spec.kubeVirt.nodeTypes.0.maxCapacity", 5)
    after = write(tmp_path / "after", provider, CLAIM, new)
    done = krmfn("render", str(before), "-o", str(tmp_path / "out"), "--allow-plaintext-token")
    assert done.returncode == 0, done.stderr
    done = krmfn("plan", str(after), "--against", str(tmp_path / "out"), "-o", "json")
    assert done.returncode == 0, done.stderr
    output = valid(done.stdout, "MachineChanges")
    assert {one["verdict"] for one in output["changes"]} == {"create", "delete", "restart"}
    assert any("dataVolumes" in one for one in output["changes"])


def test_a_check(tmp_path: Path) -> None:
    machine = PROVIDER["spec"]["kubeVirt"]["virtualMachineTemplate"]
    machine = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "a"},
        **machine,
    }
    wrong = changed(machine, "spec.template.spec.domain.memory.guest", "4")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([SECRET, machine, wrong]))
    done = krmfn("check", str(tmp_path), "-o", "json")
    assert done.returncode == 1
    report = valid(done.stdout, "CheckReport")
    assert (report["machines"], report["others"]) == (2, 1)
    assert {one["file"].get("index", 0) for one in report["results"]} >= {2}
    assert all("column" in one for one in report["results"])
