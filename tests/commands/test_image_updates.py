"""`plan --against` says which disk a machine leaves, and what is lost with it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, krmfn

ADVICE = (
    "A node on another root disk joins again. What was written to the old one, such as kubelet's "
    "state, images and local data, is not on the new one."
)
NEW_IMAGE = ("ubuntu:24.04", "ubuntu:26.04")
OLD, NEW = "root-7c2a9f3e10", "root-df2554c1f9"
TEMPLATES = "spec.dataVolumeTemplates"
VOLUMES = "spec.template.spec.volumes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Declarations in `in`, and what they gave with `imageUpdates: OnRestart` in `out`."""
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    edit(tmp_path, "nodes.yaml", "spec:\n", "spec:\n  imageUpdates: OnRestart\n")
    render(tmp_path)
    return tmp_path


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / "in" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def render(folder: Path) -> None:
    done = krmfn("render", "-o", "out", "in", cwd=folder)
    assert done.returncode == 0, done.stderr


def plan(folder: Path, *more: str) -> str:
    done = krmfn("plan", "in", "--against", "out", *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def one_line(text: str) -> str:
    """A plan without its line breaks."""
    return " ".join(text.split())


def fields(folder: Path, name: str = "tenant-1-workers-0") -> dict[str, tuple[str, str, str]]:
    """The verdict, the reason and the cause of each field of a machine that changes."""
    found = json.loads(plan(folder, "-o", "json"))
    [change] = [change for change in found["changes"] if change["name"] == name]
    return {one["path"]: (one["verdict"], one["why"], one["cause"]) for one in change["fields"]}


def left(disk: str) -> str:
    return f"{disk} stays until the machine is deleted, with all that was written to it"


def test_a_new_image_is_a_restart_that_names_the_old_disk(folder: Path) -> None:
    edit(folder, "provider.yaml", *NEW_IMAGE)
    shown = plan(folder)
    assert shown.startswith(
        "2 machines: 2 to restart, nothing deleted\n\n"
        "restart     2 machines: machines/tenant-1-workers-0, machines/tenant"
    )
    assert f'"<claim>-{OLD}" → "<claim>-{NEW}" (restart, the next start is on another disk; {left(f"<claim>-{OLD}")})' in one_line(shown)  # fmt: skip
    assert one_line(shown).endswith(ADVICE)
    assert max(map(len, shown.splitlines())) <= 100
    markdown = plan(folder, "-o", "markdown")
    assert f"another disk; &#60;claim&#62;-{OLD} stays until" in markdown
    assert markdown.endswith(f"\n\n{ADVICE}\n")


def test_programs_read_the_disk_of_each_machine(folder: Path) -> None:
    edit(folder, "provider.yaml", *NEW_IMAGE)
    at = "in/provider.yaml: NodeProvider kubevirt: spec.kubeVirt.virtualMachineTemplate"
    for name in ("tenant-1-workers-0", "tenant-1-workers-1"):
        old, new = f"{name}-{OLD}", f"{name}-{NEW}"
        assert fields(folder, name) == {
            f"{TEMPLATES}[{old}]": (
                "no-effect",
                "the DataVolume stays until the machine is deleted",
                f"{at}.{TEMPLATES}[0]",
            ),
            f"{TEMPLATES}[{new}]": (
                "live",
                "the DataVolume is made at once",
                f"{at}.{TEMPLATES}[0]",
            ),
            f"{VOLUMES}[root].dataVolume.name": (
                "restart",
                f"the next start is on another disk; {left(old)}",
                f"{at}.{VOLUMES}[0].dataVolume.name",
            ),
        }


def test_a_larger_disk_is_a_new_disk_too(folder: Path) -> None:
    edit(folder, "provider.yaml", "storage: 20Gi", "storage: 30Gi")
    assert fields(folder)[f"{VOLUMES}[root].dataVolume.name"][0] == "restart"
    edit(folder, "provider.yaml", "storage: 30Gi", "storage: 20480Mi")
    assert plan(folder) == "2 machines: 2 unchanged, nothing deleted\n"


@pytest.mark.parametrize("options", [[], ["--rollout-strategy", "Stage"]])
def test_the_switch_gives_every_machine_a_new_disk(folder: Path, options: list[str]) -> None:
    edit(folder, "nodes.yaml", "imageUpdates: OnRestart", "imageUpdates: Never")
    back = one_line(plan(folder, *options))
    assert f"another disk; {left(f'<claim>-{OLD}')}" in back
    render(folder)
    edit(folder, "nodes.yaml", "imageUpdates: Never", "imageUpdates: OnRestart")
    shown = one_line(plan(folder, *options))
    assert f'"<claim>-root" → "<claim>-{OLD}" (restart, the next start is on another disk; {left("<claim>-root")})' in shown  # fmt: skip
    assert shown.endswith(ADVICE)


def test_never_leaves_the_disk_and_says_so(folder: Path) -> None:
    edit(folder, "nodes.yaml", "imageUpdates: OnRestart", "imageUpdates: Never")
    render(folder)
    edit(folder, "provider.yaml", *NEW_IMAGE)
    assert {verdict for verdict, _, _ in fields(folder).values()} == {"no-effect"}
    assert ADVICE not in one_line(plan(folder))


def add_data_disk(folder: Path) -> None:
    """Give machines a second disk, before the root disk in the list of DataVolumes."""
    source = "{source: {http: {url: https://example.com/data}}, storage: {resources: {requests: {storage: 1Gi}}}}"  # fmt: skip
    edit(
        folder,
        "provider.yaml",
        "dataVolumeTemplates:\n",
        f"dataVolumeTemplates:\n        - {{metadata: {{name: data}}, spec: {source}}}\n",
    )
    edit(
        folder,
        "provider.yaml",
        "            volumes:\n",
        "            volumes:\n            - {name: data, dataVolume: {name: data}}\n",
    )
    disks = "                disks:\n"
    edit(folder, "provider.yaml", disks, f"{disks}                - {{name: data, disk: {{}}}}\n")


def test_a_disk_that_is_removed_is_named_as_well(folder: Path) -> None:
    before = (folder / "in" / "provider.yaml").read_text()
    add_data_disk(folder)
    render(folder)
    (folder / "in" / "provider.yaml").write_text(before)
    removed = {path: change for path, change in fields(folder).items() if "data" in path}
    [gone] = [path for path in removed if path.startswith(TEMPLATES)]
    name = gone.removeprefix(f"{TEMPLATES}[").removesuffix("]")
    assert name.startswith("tenant-1-workers-0-data-")
    assert removed[gone][:2] == ("no-effect", "the DataVolume stays until the machine is deleted")
    assert removed[f"{VOLUMES}[data]"][:2] == ("restart", left(name))
    # Its disk goes with it, and needs no second reason.
    assert removed["spec.template.spec.domain.devices.disks[data]"][:2] == ("restart", "")
    # No volume is on another disk.
    assert ADVICE not in one_line(plan(folder))


def test_the_order_of_disks_is_no_reason_of_its_own(folder: Path) -> None:
    add_data_disk(folder)
    render(folder)
    edit(folder, "provider.yaml", "https://example.com/data", "https://example.com/data-2")
    assert fields(folder)[TEMPLATES][:2] == ("no-effect", "their order does not matter")


def test_storage_is_needed_twice(folder: Path) -> None:
    edit(folder, "provider.yaml", *NEW_IMAGE)
    found = json.loads(plan(folder, "-o", "json"))
    [after], [peak] = found["totals"], found["peak"]
    assert (after["resources"]["storage"], peak["resources"]["storage"]) == ("40Gi", "80Gi")


def test_explain_finds_the_template_of_a_disk(folder: Path) -> None:
    field = f"{TEMPLATES}[tenant-1-workers-0-{OLD}].spec.source"
    done = krmfn("explain", "tenant-1-workers-0", field, "-f", "in", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"virtualMachineTemplate.{TEMPLATES}[0].spec.source.registry.url" in done.stdout


def without_disk(plan: Any) -> Any:
    return plan


def test_a_name_that_looks_hashed_is_still_that_of_its_template(folder: Path) -> None:
    name = "data-0123456789"
    add_data_disk(folder)
    edit(folder, "provider.yaml", "http: {url: https://example.com/data}", "blank: {}")
    for old in ("metadata: {name: data}", "dataVolume: {name: data}"):
        edit(folder, "provider.yaml", old, old.replace("data}", f"{name}}}"))
    field = f"{TEMPLATES}[tenant-1-workers-0-{name}].spec.storage"
    done = krmfn("explain", "tenant-1-workers-0", field, "-f", "in", cwd=folder)
    assert f"virtualMachineTemplate.{TEMPLATES}[0].spec.storage." in done.stdout
