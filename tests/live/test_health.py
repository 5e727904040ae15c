"""In which order machines come, and what each client makes of one that does not run, as docs/ says it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.clients import CLIENTS, Argo, Client, Connect, Flux, declared, provide
from tests.live.cluster import Cluster, status
from tests.support import changed

WAVE = "argocd.argoproj.io/sync-wave"
NEVER_IMPORTED = {"example.com/never-imported": "true"}
Start = Callable[[str, str], tuple[Client, Path, str]]


@pytest.fixture
def start(cluster: Cluster, connect: Connect, tmp_path: Path) -> Start:
    """A repository, declarations of three machines, and their namespace."""

    def started(client: str, name: str) -> tuple[Client, Path, str]:
        repository = connect(client, name)
        declarations = declared("three-tenants", repository.name, tmp_path / "declarations")
        (namespace,) = provide(cluster, declarations)
        return repository, declarations, namespace

    return started


def edit(file: Path, field: str, value: Any) -> None:
    file.write_text(yaml.safe_dump(changed(yaml.safe_load(file.read_text()), field, value)))


def switch_off(declarations: Path) -> None:
    edit(declarations / "provider.yaml", "spec.kubeVirt.virtualMachineTemplate.spec.runStrategy", "Halted")  # fmt: skip


def never_import(declarations: Path) -> None:
    template = "spec.kubeVirt.virtualMachineTemplate.spec.dataVolumeTemplates.0"
    edit(declarations / "provider.yaml", f"{template}.metadata.annotations", NEVER_IMPORTED)


def annotate(declarations: Path, **annotations: str) -> None:
    edit(declarations / "config.yaml", "spec.annotations", {"virtualMachine": annotations})


@contextmanager
def watched(cluster: Cluster, namespace: str) -> Iterator[dict[str, int]]:
    """The resource version by which each Secret and machine was made, once the `with` is over."""
    made: dict[str, int] = {}
    watches = [cluster.watch(kind, namespace) for kind in ("secrets", "virtualmachines")]
    # Until both watch.
    time.sleep(3)
    try:
        yield made
        time.sleep(1)
    finally:
        for watch in watches:
            watch.terminate()
            lines, _ = watch.communicate()
            for event, name, version in map(str.split, lines.splitlines()):
                if event == "ADDED":
                    made[name] = int(version)


@pytest.mark.parametrize("client", CLIENTS)
def test_secrets_come_before_machines(cluster: Cluster, start: Start, client: str) -> None:
    repository, declarations, namespace = start(client, "order")
    with watched(cluster, namespace) as made:
        assert repository.sync(declarations) == ""
    machines = cluster.machines(namespace)
    assert len(machines) == 3
    for name, machine in machines.items():
        for volume in machine["spec"]["template"]["spec"]["volumes"]:
            if secret := volume.get("cloudInitNoCloud", {}).get("secretRef"):
                assert made[secret["name"]] < made[name]


def health(argo: Argo) -> str:
    return str(argo.status()["health"]["status"])


@pytest.mark.parametrize("change", [switch_off, never_import])
def test_argo_suspends_a_machine_that_does_not_run(
    cluster: Cluster, start: Start, change: Callable[[Path], None]
) -> None:
    argo, declarations, namespace = start("argo", change.__name__.replace("_", "-"))
    assert isinstance(argo, Argo)
    change(declarations)
    assert argo.sync(declarations) == ""
    expected = "Stopped" if change is switch_off else "Provisioning"
    assert cluster.wait(lambda: states(cluster, namespace) == {expected})
    argo.refresh()
    assert cluster.wait(lambda: health(argo) == "Suspended", 40)
    annotate(declarations, **{"argocd.argoproj.io/ignore-healthcheck": "true"})
    assert argo.sync(declarations) == ""
    assert cluster.wait(lambda: health(argo) == "Healthy", 40)


def states(cluster: Cluster, namespace: str) -> set[str]:
    return {status(one) for one in cluster.machines(namespace).values()}


def test_a_suspended_machine_holds_later_waves(cluster: Cluster, start: Start) -> None:
    argo, declarations, namespace = start("argo", "wave")
    assert isinstance(argo, Argo)
    switch_off(declarations)
    annotate(declarations, **{WAVE: "-1"})
    later = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": namespace}}  # fmt: skip
    (declarations / "later.yaml").write_text(yaml.safe_dump(later))
    argo.patience = 20
    said = argo.sync(declarations)
    assert argo.status()["operationState"]["phase"] == "Running", said
    assert len(cluster.machines(namespace)) == 3
    assert "later" not in {one["metadata"]["name"] for one in cluster.listed("configmaps", namespace)}  # fmt: skip


def test_a_prune_that_waits_holds_later_commits(cluster: Cluster, start: Start) -> None:
    argo, declarations, namespace = start("argo", "confirm")
    assert isinstance(argo, Argo)
    annotate(declarations, **{"argocd.argoproj.io/sync-options": "Prune=confirm"})
    assert argo.sync(declarations) == ""
    argo.patience = 20
    file = declarations / "vclusters.yaml"
    file.write_text(file.read_text().replace("quantity: 2", "quantity: 1"))
    argo.sync(declarations)
    assert argo.status()["operationState"]["phase"] == "Running"
    assert len(cluster.machines(namespace)) == 3
    annotate(declarations, **{"argocd.argoproj.io/sync-options": "Prune=confirm", "example.com/a": "b"})  # fmt: skip
    argo.sync(declarations)
    machines = cluster.machines(namespace).values()
    assert not any("example.com/a" in one["metadata"]["annotations"] for one in machines)


def ready(flux: Flux) -> str:
    conditions = flux.status().get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def test_flux_is_ready_with_stopped_machines_unless_it_waits(
    cluster: Cluster, start: Start
) -> None:
    flux, declarations, _ = start("flux", "stopped")
    assert isinstance(flux, Flux)
    switch_off(declarations)
    assert flux.sync(declarations) == ""
    assert ready(flux) == "True"
    flux.kustomization["spec"] |= {"wait": True, "timeout": "10s"}
    assert "timeout" in flux.sync(declarations)
    assert ready(flux) == "False"


def test_kpt_live_ends_with_stopped_machines_applied(cluster: Cluster, start: Start) -> None:
    kpt, declarations, namespace = start("kpt", "stopped")
    switch_off(declarations)
    assert kpt.sync(declarations) == ""
    assert cluster.wait(lambda: states(cluster, namespace) == {"Stopped"})
    assert len(cluster.machines(namespace)) == 3
