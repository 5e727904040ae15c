"""`krmfn plan --against` a cluster tells what an apply takes away: by who owns which fields."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT, changed, krmfn, objects

T = "spec.template.spec"
D = f"{T}.domain"
NOTED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    return tmp_path


def edit(package: Path, old: str, new: str, file: str = "provider.yaml") -> None:
    path = package / "in" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rendered(package: Path) -> list[Any]:
    return objects(krmfn("render", "in", cwd=package).stdout)


def fields(value: Any) -> Any:
    """The FieldsV1 of a declaration. KubeVirt's lists are atomic."""
    if not isinstance(value, dict):
        return {}
    names = ("apiVersion", "kind", "name", "namespace")
    return {f"f:{key}": fields(child) for key, child in value.items() if key not in names}


def owned(
    made: Any,
    manager: str = "kubectl",
    operation: str = "Apply",
    time: str = "2026-01-02T00:00:00Z",
) -> dict[str, Any]:
    """An entry of managedFields: a manager has written all of an object."""
    return {
        "apiVersion": made["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields(made),
        "manager": manager, "operation": operation, "time": time,
    }  # fmt: skip


def live(made: Any, *entries: Any) -> Any:
    """The object as a server gives it: with KubeVirt's own additions, and these managedFields."""
    metadata = {**made["metadata"], "uid": "x", "resourceVersion": "1"}
    if entries:
        metadata["managedFields"] = list(entries)
    made = {**made, "metadata": metadata}
    for key, text in made.pop("stringData", {}).items():
        data = made.setdefault("data", {})
        data[key] = base64.b64encode(text.encode()).decode()
    if made["kind"] == "VirtualMachine":
        for path, value in (
            (f"{T}.architecture", "amd64"),
            (f"{D}.machine", {"type": "q35"}),
            (f"{D}.firmware.uuid", "y"),
            (f"{D}.resources", made["spec"]["template"]["spec"]["domain"].get("resources", {})),
        ):
            made = changed(made, path, value)
    return made


def applied(made: Any, manager: str = "kubectl") -> Any:
    """The object after a server-side apply."""
    return live(made, owned(made, manager))


def noted(made: Any) -> Any:
    """The object after `kubectl apply` on the client's side."""
    annotations = {**made["metadata"]["annotations"], NOTED: json.dumps(made)}
    return live(changed(made, "metadata.annotations", annotations))


def exported(made: Any) -> Any:
    """The object as `kubectl get -o yaml` shows it, after a server-side apply."""
    return live(made)


def plan(package: Path, made: list[Any], *more: str) -> Any:
    stdin = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": made}, sort_keys=False)
    return krmfn("plan", "in", "--against", "-", *more, cwd=package, stdin=stdin)


def changes(package: Path, made: list[Any]) -> list[Any]:
    """The changes of the first machine, or else the first Secret: path, old, new, verdict."""
    done = plan(package, made, "-o", "json")
    assert done.returncode == 0, done.stderr
    found = sorted(json.loads(done.stdout)["changes"], key=lambda change: change["kind"])
    rows = found[-1]["fields"] if found else []
    return [(one["path"], one["old"], one["new"], one["verdict"]) for one in rows]


# Each was run on a live cluster: Flux, Argo CD, kubectl and kpt take them away alike.
REMOVALS = [
    ("nodeSelector: {zone: a}", "nodeSelector", "pending"),
    ("tolerations: [{key: a, operator: Exists}]", "tolerations", "pending"),
    (
        "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: "
        "[{weight: 1, podAffinityTerm: {topologyKey: zone}}]}}",
        "affinity",
        "pending",
    ),
    ("evictionStrategy: LiveMigrate", "evictionStrategy", "restart"),
    ("priorityClassName: high", "priorityClassName", "restart"),
]


@pytest.mark.parametrize("cluster", [applied, noted])
@pytest.mark.parametrize(("line", "field", "verdict"), REMOVALS)
def test_a_field_that_is_declared_no_more_goes(
    package: Path, line: str, field: str, verdict: str, cluster: Any
) -> None:
    edit(package, "            domain:", f"            {line}\n            domain:")
    before = [cluster(made) for made in rendered(package)]
    assert changes(package, before) == []
    edit(package, f"            {line}\n", "")
    [(path, old, new, found)] = changes(package, before)
    assert (path, old is None, new, found) == (f"{T}.{field}", False, None, verdict)
    failed = plan(package, before, "--fail-on", verdict)
    assert (failed.returncode, "no-field-owners" in failed.stderr) == (4, False)
