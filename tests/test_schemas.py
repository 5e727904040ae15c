"""The JSON Schemas that krmfn prints describe every field, take what krmfn takes, and refuse what a schema can see."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from krmfn.kubernetes.name_schemas import GRAMMARS
from krmfn.kubevirt.cluster import ARCHITECTURES
from krmfn.manifests import yamlio
from krmfn.platform.schemas import ANY, NAMES, schema_of
from tests.documents import SCHEMAS, schema_files
from tests.support import FIXTURES, ROOT, krmfn
from tests.test_hostile import FILES, Row

STARTER = ROOT / "krmfn" / "commands" / "starter"
# Files that are good as they stand.
GOOD = [FIXTURES, ROOT / "examples", STARTER, ROOT / "kustomize", ROOT / "argocd"]
# What the models and KubeVirt's schema say of a field that is unknown or has another shape.
SHAPE = re.compile(
    r"is an unknown field(?! of a ResourceList)|is not a part of a template|must be a (list|mapping|whole number)|"
    r"must be (text in quotes|true or false|one of)"
)
# Why a schema can't see some of these nevertheless.
UNSEEN = {
    "the text that a property holds": r"properties\[|must be one of (bridge|true, false)|root-disk-template|image-datavolume",
    "objects of Kubernetes' own kinds": r"Secret |stringData|data\[",
    "directives of a merge, which are no fields": r"\$\w+",
    "a choice that KubeVirt's admission knows, and not its schema": r"runStrategy",
}
# How many rows of the hostile table the schemas refuse, at least: what they once saw, they see.
LEAST = 360


@cache
def printed(name: str = ANY) -> dict[str, Any]:
    return schema_of(None if name == ANY else name)


@cache
def validator(name: str = ANY) -> Draft202012Validator:
    return Draft202012Validator(printed(name))


@pytest.mark.parametrize("name", [ANY, *NAMES])
def test_a_schema_is_one_and_describes_every_field(name: str) -> None:
    schema = printed(name)
    Draft202012Validator.check_schema(schema)
    assert schema["description"]
    documented = total = 0
    for key, definition in {**schema["$defs"], "": {"properties": schema["properties"]}}.items():
        for field, part in definition.get("properties", {}).items():
            has_text = bool(part.get("description"))
            # KubeVirt, CDI and Kubernetes document nearly all of theirs.
            assert has_text or key.startswith("kubevirt."), f"{key}.{field}"
            documented, total = documented + has_text, total + 1
    assert documented > 0.9 * total


def test_fields_have_the_names_that_kubevirt_gives_them() -> None:
    architectures = printed("KubeVirt")["$defs"]["Architectures"]["properties"]
    assert architectures.keys() == set(ARCHITECTURES)


@pytest.mark.parametrize("name", [ANY, *NAMES])
def test_what_is_published_is_what_is_printed(name: str) -> None:
    path = SCHEMAS / f"{name}.json"
    assert path.read_text() == schema_files()[path]


def test_the_command_prints_a_schema() -> None:
    done = krmfn("schema", "NodeClaim")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == printed("NodeClaim")
    assert json.loads(krmfn("schema").stdout) == printed()


def test_an_unknown_kind_is_a_usage_error_that_lists_the_kinds() -> None:
    done = krmfn("schema", "NodeProvder")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'unknown kind NodeProvder (did you mean "NodeProvider"?)' in done.stderr
    assert all(name in done.stderr for name in NAMES)


def documents(path: Path) -> list[Any]:
    return list(yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader))


def checked(schema: dict[str, Any], values: list[Any], folder: Path) -> list[str]:
    """What check-jsonschema says of documents; it reads one of a file."""
    folder.mkdir()
    (folder / "schema.json").write_text(json.dumps(schema))
    names = []
    for number, value in enumerate(values):
        names.append(f"{number}.json")
        (folder / names[-1]).write_text(json.dumps(value, default=str))
    program = str(Path(sys.executable).parent / "check-jsonschema")
    command = [program, "--schemafile", "schema.json", "--output-format", "json", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["status"] == "ok" else 1)
    assert report.get("parse_errors", []) == []
    return [f"{error['path']}: {error['message']}" for error in report.get("errors", [])]


def test_everything_that_is_shipped_is_taken(tmp_path: Path) -> None:
    files = [file for folder in GOOD for file in folder.rglob("*.yaml")]
    values = [value for file in files for value in documents(file)]
    assert len(values) > 400
    assert checked(printed(), values, tmp_path / "any") == []
    held = [value["data"]["vcluster.yaml"] for value in values if is_vcluster(value)]
    assert len(held) > 5
    assert (
        checked(printed("vcluster.yaml"), list(map(yaml.safe_load, held)), tmp_path / "vcluster")
        == []
    )


def is_vcluster(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and "vcluster.yaml" in value["data"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_s_own_schema_takes_what_is_shipped(name: str) -> None:
    files = [file for folder in GOOD for file in folder.rglob("*.yaml")]
    values = [value for file in files for value in documents(file) if isinstance(value, dict)]
    for value in values:
        if value.get("kind") == name and (name != "ConfigMap" or "endpoint" in value["data"]):
            validator(name).validate(value)


def test_a_schema_says_where_and_what(tmp_path: Path) -> None:
    [provider] = documents(STARTER / "provider.yaml")
    kubevirt = provider["spec"]["kubeVirt"]
    kubevirt["nodeTypes"][0]["maxCapcity"] = 1
    kubevirt["virtualMachineTemplate"]["spec"]["template"]["spec"]["domain"]["cpu"] = {"core": 1}
    one, two = checked(printed(), [provider], tmp_path / "any")
    assert "$.spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain.cpu: 'core'" in one
    assert (
        "$.spec.kubeVirt.nodeTypes[0]: Additional properties are not allowed ('maxCapcity'" in two
    )


def is_seen(row: Row) -> bool | None:
    """Whether the schemas refuse a document of a row; None if it is no ResourceList."""
    value = next(iter(read(row.source())), None)
    if not isinstance(value, dict) or not isinstance(value.get("items", []), list):
        return None
    config = value.get("functionConfig")
    if isinstance(config, dict) and config.get("kind") == "ConfigMap":
        return is_refused(config, "ConfigMap") or any(map(is_refused, value.get("items", [])))
    return any(map(is_refused, [config, *value.get("items", [])]))


def is_refused(document: Any, name: str = ANY) -> bool:
    """Whether a schema refuses a document, or the vcluster.yaml that it holds."""
    held = document["data"]["vcluster.yaml"] if is_vcluster(document) else None
    inner = read(held) if isinstance(held, str) else []
    schema = validator("vcluster.yaml")
    return not validator(name).is_valid(document) or not all(map(schema.is_valid, inner))


def read(text: str | bytes) -> list[Any]:
    """The documents of a text that krmfn can read."""
    documents, faults = yamlio.read(text)
    return [] if faults else [document.data for document in documents]


def test_what_a_schema_can_see_of_bad_inputs_it_refuses() -> None:
    seen = {(theme, row.name): is_seen(row) for theme, rows in FILES.items() for row in rows}
    missed, excused = [], set()
    for theme, rows in FILES.items():
        for row in rows:
            if seen[theme, row.name] is not False or not SHAPE.search(row.error):
                continue
            reasons = [why for why, mark in UNSEEN.items() if re.search(mark, row.error)]
            excused |= set(reasons)
            missed += [] if reasons else [f"{theme}: {row.name}: {row.error}"]
    assert missed == []
    assert excused == set(UNSEEN)
    assert sum(map(bool, seen.values())) >= LEAST


def test_what_arrives_is_taken() -> None:
    rows = [(theme, row) for theme, rows in FILES.items() for row in rows if row.arrives]
    assert [f"{theme}: {row.name}" for theme, row in rows if is_seen(row)] == []


@pytest.mark.parametrize("check", GRAMMARS, ids=lambda check: check.__name__)
@given(text=st.text(st.sampled_from("aZ09-_./=$; 'é"), max_size=70) | st.from_regex(r"[a-z]{60,64}(\.a)?(/[a-z]{60,64})?", fullmatch=True))  # fmt: skip
def test_a_pattern_takes_what_the_grammar_takes(check: Any, text: str) -> None:
    schema = Draft202012Validator({"type": "string", **GRAMMARS[check]})
    if not check(text):
        assert schema.is_valid(text)
    # A newline at the end is nothing to the `$` of some readers, and lengths of prefixes are not counted.
    elif len(text) <= 253:
        assert not schema.is_valid(text)


@pytest.mark.parametrize("name", ["nodes.yaml", "provider.yaml"])
def test_the_starter_names_the_schema_of_this_version(name: str) -> None:
    line = f"# yaml-language-server: $schema={printed()['$id']}\n"
    assert (STARTER / name).read_text().startswith(line)
    assert line in (ROOT / "docs" / "editors.md").read_text()
