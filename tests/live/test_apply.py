"""What krmfn renders is taken and rests: a second apply changes nothing."""

from typing import Any

import pytest

from krmfn.manifests import yamlio
from tests.live.cluster import MODES, Cluster, Object
from tests.support import FIXTURES, changed
from tests.test_fixtures import FOLDERS

RENDERED = ("VirtualMachine", "Secret")
# Its output is a package of kpt, which has the machines of another run in it.
CASES = [case for case in FOLDERS if case != "package"]


def rendered(case: str) -> list[Object]:
    """The machines and Secrets of a fixture, read as Kubernetes reads YAML."""
    documents, faults = yamlio.read((FIXTURES / case / "expected.yaml").read_bytes())
    assert not faults
    items: list[Any] = []
    for document in documents:
        data: Any = document.data
        items += data["items"] if data.get("kind") == "ResourceList" else [data]
    labels = [one.get("metadata", {}).get("labels") or {} for one in items]
    return [
        one
        for one, label in zip(items, labels, strict=True)
        if one["kind"] in RENDERED and label.get("app.kubernetes.io/managed-by") == "krmfn"
    ]


def test_every_fixture_has_machines() -> None:
    """Otherwise what follows would say nothing."""
    empty = [case for case in CASES if not rendered(case)]
    assert empty == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_a_second_apply_changes_nothing(cluster: Cluster, case: str, mode: str) -> None:
    objects = []
    for one in rendered(case):
        namespace = f"{case}-{one['metadata']['namespace']}-{mode}"[:63].rstrip("-")
        objects.append(changed(one, "metadata.namespace", namespace))
    namespaces = {one["metadata"]["namespace"] for one in objects}
    complaints = cluster.apply(objects, mode)
    assert "rror" not in complaints, complaints
    # The ones that wait for an image or a disk of the user's that is not here wait for ever.
    cluster.wait(lambda: all(map(cluster.all_run, namespaces)), 8)

    def generations() -> dict[tuple[str, str], int]:
        return {
            (namespace, name): machine["metadata"]["generation"]
            for namespace in namespaces
            for name, machine in cluster.machines(namespace).items()
        }

    before = generations()
    assert len(before) == sum(one["kind"] == "VirtualMachine" for one in objects)
    complaints = cluster.apply(objects, mode)
    assert "rror" not in complaints, complaints
    assert generations() == before
