"""In all that happens to a node, the machine that runs keeps what KubeVirt needs to migrate it.

The pod of a migration's target mounts what the running instance names, not what its declaration names by now.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.clients import CLIENTS, Client, Connect, declared, provide
from tests.live.cluster import Cluster, Object, restart_required
from tests.support import CERTIFICATE, changed, krmfn

PRUNING = [name for name, client in CLIENTS.items() if client.prunes]
# By which annotation of docs/changes.md each client keeps an object that is no longer declared.
KEPT: dict[str, dict[str, str]] = {
    "argo": {
        "argocd.argoproj.io/sync-options": "Prune=false",
        "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    },
    "flux": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
    "kpt": {"cli-utils.sigs.k8s.io/on-remove": "keep"},
}
KEPT["argo-rendered"] = KEPT["argo"]


class Life:
    """Machines of one repository, and the declarations that they came from."""

    def __init__(self, cluster: Cluster, client: Client, declarations: Path) -> None:
        self.cluster, self.client, self.declarations = cluster, client, declarations
        (self.namespace,) = provide(cluster, declarations)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.declarations / file).read_text()
        assert old in text
        (self.declarations / file).write_text(text.replace(old, new))

    def configure(self, field: str, value: Any) -> None:
        file = self.declarations / "config.yaml"
        file.write_text(yaml.safe_dump(changed(yaml.safe_load(file.read_text()), field, value)))

    def commit(self) -> str:
        """Sync, and return the heaviest verdict of the plan."""
        live = self.declarations.with_suffix(".live.yaml")
        live.write_text(self.cluster.live(self.namespace))
        plan = ("plan", str(self.declarations), "--against", str(live))
        said = json.loads(krmfn(*plan, "-o", "json").stdout)["changes"]
        self.told = krmfn(*plan).stdout
        assert self.client.sync(self.declarations) == ""
        verdicts = {one["verdict"] for one in said if one["kind"] == "VirtualMachine"}
        return "restart" if "restart" in verdicts else ", ".join(sorted(verdicts)) or "unchanged"

    def restart(self) -> None:
        """Delete the instances, as `virtctl restart` makes KubeVirt do, and wait for those that follow."""
        assert self.cluster.wait(self.staged), "no restart is required"
        before = {one["metadata"]["uid"] for one in self.instances()}
        self.cluster.run("delete", "virtualmachineinstances", "--all", "-n", self.namespace, "--wait=false")  # fmt: skip

        def again() -> bool:
            found = {one["metadata"]["uid"] for one in self.instances()}
            return len(found) == len(before) and not found & before

        assert self.cluster.wait(again)
        assert self.runs()

    def runs(self) -> bool:
        return self.cluster.wait(lambda: self.cluster.all_run(self.namespace))

    def staged(self) -> bool:
        return all(map(restart_required, self.cluster.machines(self.namespace).values()))

    def instances(self) -> list[Object]:
        return self.cluster.listed("virtualmachineinstances", self.namespace)

    def missing(self) -> list[tuple[str, str]]:
        """What the running instances name and the cluster does not have."""
        kinds = ("secrets", "datavolumes", "persistentvolumeclaims")
        there = {
            (kind, one["metadata"]["name"])
            for kind in kinds
            for one in self.cluster.listed(kind, self.namespace)
        }
        volumes = [volume for one in self.instances() for volume in one["spec"]["volumes"]]
        assert {kind for volume in volumes for kind, _ in needs(volume)} == set(kinds)
        return [need for volume in volumes for need in needs(volume) if need not in there]


def needs(volume: Object) -> Iterator[tuple[str, str]]:
    for kind in ("cloudInitNoCloud", "cloudInitConfigDrive"):
        for field in ("secretRef", "networkDataSecretRef"):
            if reference := volume.get(kind, {}).get(field):
                yield "secrets", reference["name"]
    if source := volume.get("secret"):
        yield "secrets", source["secretName"]
    if source := volume.get("dataVolume"):
        yield "datavolumes", source["name"]
        yield "persistentvolumeclaims", source["name"]


Start = Callable[..., Life]


@pytest.fixture
def live(cluster: Cluster, connect: Connect, tmp_path: Path) -> Start:
    """Machines that run, with these fields in the spec of their config."""

    def started(client: str, name: str, **fields: str) -> Life:
        repository = connect(client, name)
        declarations = declared("three-tenants", repository.name, tmp_path / "declarations")
        life = Life(cluster, repository, declarations)
        for field, value in fields.items():
            life.configure(f"spec.{field}", value)
        life.commit()
        assert life.runs()
        return life

    return started


@pytest.mark.parametrize("client", PRUNING)
def test_a_new_image(live: Start, client: str) -> None:
    life = live(client, "image", imageUpdates="OnRestart")
    life.edit("provider.yaml", "ubuntu:22.04", "ubuntu:24.04")
    assert life.commit() == "restart"
    assert life.cluster.wait(life.staged)
    assert life.missing() == []
    before = {str(one["spec"]["volumes"]) for one in life.instances()}
    life.restart()
    assert life.missing() == []
    assert not before & {str(one["spec"]["volumes"]) for one in life.instances()}
    # And back: the old disk is still there.
    life.configure("spec.imageUpdates", "Never")
    assert life.commit() == "restart"
    assert life.missing() == []
    life.restart()
    assert life.missing() == []


@pytest.mark.parametrize("client", PRUNING)
def test_one_secret_for_a_pool(live: Start, client: str) -> None:
    life = live(client, "secrets", cloudInitSecrets="PerNode")
    life.configure("spec.annotations", {"secret": KEPT[client]})
    assert life.commit() == "unchanged"
    life.configure("spec.cloudInitSecrets", "PerPool")
    assert life.commit() == "restart"
    assert life.cluster.wait(life.staged)
    assert life.missing() == []
    life.restart()
    assert life.missing() == []
    named = {secret for one in life.instances() for volume in one["spec"]["volumes"] for kind, secret in needs(volume) if kind == "secrets"}  # fmt: skip
    assert named == {"red-workers-cloud-init", "green-workers-cloud-init"}


@pytest.mark.parametrize("client", PRUNING)
def test_without_the_annotation_they_are_missing(live: Start, client: str) -> None:
    """As the plan says: it names the machines that can't migrate until they restart."""
    life = live(client, "missing", cloudInitSecrets="PerNode")
    life.configure("spec.cloudInitSecrets", "PerPool")
    assert life.commit() == "restart"
    assert "migrate" in life.told
    assert life.cluster.wait(lambda: len(life.missing()) == 3)
    life.restart()
    assert life.missing() == []


@pytest.mark.parametrize("client", PRUNING)
def test_another_token_and_certificate(live: Start, client: str) -> None:
    life = live(client, "token")
    uids = {one["metadata"]["uid"] for one in life.instances()}
    life.edit("tokens.yaml", "redxxx.", "redyyy.")
    assert life.commit() == "unchanged"
    assert "redyyy" in red_user_data(life)
    assert life.missing() == []
    life.configure(
        "spec.virtualClusters.0.certificateAuthority", {"pem": CERTIFICATE + CERTIFICATE}
    )
    assert life.commit() == "unchanged"
    assert life.missing() == []
    assert not any(map(restart_required, life.cluster.machines(life.namespace).values()))
    assert uids == {one["metadata"]["uid"] for one in life.instances()}


def red_user_data(life: Life) -> str:
    secrets = life.cluster.listed("secrets", life.namespace)
    (red,) = [one for one in secrets if one["metadata"]["name"] == "red-workers-cloud-init"]
    return base64.b64decode(red["data"]["userdata"]).decode()
