"""What a commit deletes is what the plan said, and a commit that krmfn refuses deletes nothing."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.clients import CLIENTS, ArgoRendered, Client, Connect, Flux, declared, provide
from tests.live.cluster import Cluster
from tests.support import krmfn

PRUNING = [name for name, client in CLIENTS.items() if client.prunes]
KINDS = ("virtualmachines", "secrets", "datavolumes")
Names = set[tuple[str, str]]
Edit = Callable[[Path], None]


def replaced(file: str, old: str, new: str) -> Edit:
    """Replace the first text of a file."""

    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return edit


def removed(*files: str) -> Edit:
    def edit(folder: Path) -> None:
        for file in files or [file.name for file in folder.iterdir()]:
            (folder / file).unlink()

    return edit


def without_a_tenant(folder: Path) -> None:
    config = folder / "config.yaml"
    text, times = re.subn(r"  - name: green\n(    .*\n)+", "", config.read_text())
    assert times == 1
    config.write_text(text)
    file = folder / "vclusters.yaml"
    documents = file.read_text().split("---\n")
    file.write_text("---\n".join(one for one in documents if "name: green-values" not in one))


def cut(folder: Path) -> None:
    """Write half of a file, as a commit does that was made while the file was written."""
    file = folder / "vclusters.yaml"
    text = file.read_text()
    file.write_text(text[: text.index("static:", len(text) // 2) + 3])


DELETING: dict[str, Edit] = {
    "a pool shrinks": replaced("vclusters.yaml", "quantity: 2", "quantity: 1"),
    "a pool is renamed": replaced("vclusters.yaml", "name: workers", "name: others"),
    "a tenant goes": without_a_tenant,
}
REFUSED: dict[str, Edit] = {
    "a typo": replaced("vclusters.yaml", "networked.standard", "networked.standart"),
    "half a file": cut,
    "no claims": removed("vclusters.yaml"),
    "no provider": removed("provider.yaml"),
    "no files": removed(),
}


@dataclass
class Repository:
    cluster: Cluster
    client: Client
    declarations: Path
    tmp: Path

    @property
    def namespace(self) -> str:
        return f"{self.client.name}-vcluster-platform"

    def existing(self) -> Names:
        """Kind and name of what is in the machines' namespace."""
        return {
            (one["kind"], one["metadata"]["name"])
            for kind in KINDS
            for one in self.cluster.listed(kind, self.namespace)
            if "deletionTimestamp" not in one["metadata"]
        }

    def edited(self, edit: Edit) -> Path:
        folder = self.tmp / "edited"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.declarations, folder)
        edit(folder)
        return folder

    def said(self, declarations: Path) -> Names:
        """What the plan says will be deleted."""
        live = self.tmp / "live.yaml"
        live.write_text(self.cluster.live(self.namespace))
        done = krmfn("plan", str(declarations), "--against", str(live), "-o", "json")
        assert done.returncode == 0, done.stderr
        changes = json.loads(done.stdout)["changes"]
        return {(one["kind"], one["name"]) for one in changes if one["verdict"] == "delete"}


def started(cluster: Cluster, client: Client, tmp: Path) -> Repository:
    declarations = declared("three-tenants", client.name, tmp / "declarations")
    provide(cluster, declarations)
    made = Repository(cluster, client, declarations, tmp)
    assert client.sync(declarations) == ""
    assert cluster.wait(lambda: cluster.all_run(made.namespace)), cluster.machines(made.namespace)
    return made


@pytest.fixture(scope="module", params=PRUNING)
def repository(
    cluster: Cluster, connect: Connect, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Repository:  # fmt: skip
    """Three tenants, one of them without a node."""
    tmp = tmp_path_factory.mktemp(request.param)
    return started(cluster, connect(request.param, "deletion"), tmp)


@pytest.mark.parametrize("change", REFUSED)
def test_nothing_goes_when_krmfn_refuses(repository: Repository, change: str) -> None:
    before = repository.existing()
    assert {kind for kind, _ in before} == {"VirtualMachine", "Secret", "DataVolume"}
    assert repository.client.sync(repository.edited(REFUSED[change])) != ""
    assert repository.existing() == before


@pytest.mark.parametrize("change", DELETING)
def test_what_goes_is_what_the_plan_said(repository: Repository, change: str) -> None:
    assert repository.client.sync(repository.declarations) == ""
    cluster = repository.cluster
    assert cluster.wait(lambda: cluster.all_run(repository.namespace))
    before = repository.existing()
    declarations = repository.edited(DELETING[change])
    said = repository.said(declarations)
    assert any(kind == "VirtualMachine" for kind, _ in said)
    # KubeVirt and the garbage collector take a machine's disks along.
    disks = {("DataVolume", f"{name}-root") for kind, name in said if kind == "VirtualMachine"}
    assert repository.client.sync(declarations) == ""
    cluster.wait(lambda: before - repository.existing() == said | disks, 20)
    assert before - repository.existing() == said | disks


@pytest.mark.parametrize("name", ["argo-rendered", "flux"])
def test_half_of_the_rendered_files(
    cluster: Cluster, connect: Connect, tmp_path: Path, name: str
) -> None:
    """The kustomization beside them lists them all, so that one that is missing is an error."""
    files = started(cluster, connect(name, "half"), tmp_path)
    client, before = files.client, files.existing()
    assert isinstance(client, ArgoRendered | Flux)
    (client.folder / "kubevirt-1" / "red-workers-0.yaml").unlink()
    assert client.commit() != ""
    assert files.existing() == before


def emptied(files: Repository) -> str:
    client = files.client
    assert isinstance(client, ArgoRendered | Flux)
    shutil.rmtree(client.folder)
    client.folder.mkdir()
    (client.folder / "README.md").write_text("A folder that Git keeps.")
    return client.commit()


def test_argo_refuses_a_folder_without_manifests(
    cluster: Cluster, connect: Connect, tmp_path: Path
) -> None:
    files = started(cluster, connect("argo-rendered", "none"), tmp_path)
    before = files.existing()
    assert emptied(files) != ""
    assert files.existing() == before


def test_flux_deletes_all_for_a_folder_without_manifests(
    cluster: Cluster, connect: Connect, tmp_path: Path
) -> None:
    """As docs/flux.md says. krmfn itself never writes such a folder."""
    files = started(cluster, connect("flux", "none"), tmp_path)
    assert emptied(files) == ""
    assert cluster.wait(lambda: files.existing() == set())
