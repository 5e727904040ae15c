"""What the site's playground runs in the browser says what krmfn says; test_site.py tries the page itself."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support import ROOT, krmfn

Answer = Callable[..., dict[str, Any]]


@pytest.fixture
def playground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    file = ROOT / "docs" / "assets" / "playground" / "playground.py"
    spec = importlib.util.spec_from_file_location("playground", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answer(playground: ModuleType) -> Answer:
    """Ask about the example with a text changed."""
    files: dict[str, str] = json.loads(playground.example())

    def ask(old: str = "", new: str = "", file: str = "tenant-1.yaml") -> dict[str, Any]:
        assert old in files[file]
        changed = files | {file: files[file].replace(old, new) if old else files[file]}
        result: dict[str, Any] = json.loads(playground.answer(json.dumps(changed)))
        return result

    return ask


def changes(answer: dict[str, Any]) -> dict[str, str]:
    return {one["name"].rpartition("/")[2]: one["change"] for one in answer["objects"]}


def test_the_example_has_files_of_its_own(playground: ModuleType, tmp_path: Path) -> None:
    assert krmfn("init", "other", cwd=tmp_path).returncode == 0
    files = {path.name: path.read_text() for path in (tmp_path / "other").iterdir()}
    assert json.loads(playground.example()) == files


def test_the_example(answer: Answer, tmp_path: Path) -> None:
    said = answer()
    assert said["problems"] == []
    assert "changes" not in said
    assert said["plan"] == krmfn("plan", "nodes", cwd=tmp_path).stdout
    assert said["page"] == krmfn("plan", "nodes", "-o", "html", cwd=tmp_path).stdout
    texts = "---\n".join(one["text"] for one in sorted(said["objects"], key=lambda one: one["name"]))  # fmt: skip
    assert texts == krmfn("render", "nodes", cwd=tmp_path).stdout
    assert set(changes(said).values()) == {""}


def test_what_changes_comes_first(answer: Answer, tmp_path: Path) -> None:
    grown = answer("quantity: 2", "quantity: 3")
    assert next(iter(changes(grown).items())) == ("tenant-1-workers-2", "new")
    against = ("plan", "nodes", "--against", "earlier.yaml")
    assert grown["changes"] == krmfn(*against, cwd=tmp_path).stdout
    assert "1 to create" in grown["changes"]
    shrunk = changes(answer("quantity: 2", "quantity: 1"))
    assert shrunk["tenant-1-workers-1"] == "gone"
    larger = changes(answer("cores: 2", "cores: 4", "provider.yaml"))
    assert [larger[name] for name in ("tenant-1-workers-0", "tenant-1-workers-1")] == ["changed"] * 2  # fmt: skip
    assert set(changes(answer()).values()) == {""}


def test_a_mistake_has_a_place(answer: Answer, tmp_path: Path) -> None:
    [problem] = answer("value: small", "value: smal")["problems"]
    place = f"tenant-1.yaml:{problem['line']}:{problem['column']}"
    said = krmfn("plan", ".", cwd=tmp_path / "nodes").stderr
    assert said == f"{problem['severity']}: {place}: {problem['text']}\n"
    assert problem["file"] == "tenant-1.yaml"
    assert 'did you mean "small"?' in problem["text"]
    assert "objects" not in answer("kind: ConfigMap", "kind: [")


def test_a_warning_comes_once(answer: Answer) -> None:
    lost = '    argocd.argoproj.io/sync-wave: "1"\n'
    said = answer("  annotations:\n", f"  annotations:\n{lost}")
    [warning] = said["problems"]
    assert warning["severity"] == "warning"
    assert said["objects"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("tenant-1.yaml", "quantity: 2", "quantity: 3", "1 to create"),
        ("tenant-1.yaml", "value: small", "value: smal", "names node type"),
        ("provider.yaml", "cores: 2", "cores: 4", "2 to restart"),
        ("provider.yaml", "bus: virtio", "bus: scsi2", "scsi2"),
    ],
)
def test_what_the_page_tells_to_try(
    answer: Answer, file: str, old: str, new: str, said: str
) -> None:
    assert f"In `{file}`, write `{new}`" in (ROOT / "docs" / "playground.md").read_text()
    result = answer(old, new, file)
    assert said in result.get("changes", "") + "".join(one["text"] for one in result["problems"])
