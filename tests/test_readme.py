"""The README and the pages show what comes out, and name every field."""

import re
import shutil
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.platform.config import (
    CertificateAuthority,
    ConfigMapData,
    KubeVirtNodesSpec,
    VirtualCluster,
)
from krmfn.platform.model import Model
from tests.support import (
    CERTIFICATE,
    FIXTURES,
    ROOT,
    TOKEN,
    function,
    krmfn,
    resource_list,
)

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
DOCS = ROOT / "docs"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (DOCS / "machines.md").read_text(), re.DOTALL)
CONFIG = (DOCS / "config.md").read_text()
DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "docs" / "pools.md").read_text(), re.DOTALL)


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in COMMANDS:
        if command.startswith("make "):
            target = command.split()[1].replace(".venv", "$(VENV)")
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("quantity", [3, 1])
def test_growth_and_shrinkage_are_what_the_page_shows(quantity: int, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "pool", tmp_path / "pool")
    values = tmp_path / "pool" / "vcluster.yaml"
    values.write_text(values.read_text().replace("quantity: 2", f"quantity: {quantity}"))
    (tmp_path / "pool" / "expected.yaml").unlink()
    before, after = (
        krmfn("plan", str(folder)).stdout.splitlines()
        for folder in (FIXTURES / "pool", tmp_path / "pool")
    )
    changed = [
        line for line in unified_diff(before, after, n=0, lineterm="") if "tenant-1-" in line
    ]
    [page] = [
        block for block in DIFFS if block.splitlines()[-1].startswith("+" if quantity == 3 else "-")
    ]
    assert changed == [line for line in page.splitlines() if line[0] in "+-"]
    # No byte of any other object changes.
    old, new = (
        set(krmfn("render", str(folder)).stdout.split("---\n"))
        for folder in (FIXTURES / "pool", tmp_path / "pool")
    )
    assert len(old ^ new) == 1


def test_what_is_shown_is_what_comes_out() -> None:
    assert BLOCKS[0] == (FIXTURES / "minimal" / "claims.yaml").read_text()
    assert BLOCKS[1] == (FIXTURES / "minimal" / "expected.yaml").read_text().partition("---\n")[2]


def test_the_shown_config_works() -> None:
    provider, claim = (
        yaml.safe_load((FIXTURES / "minimal" / name).read_text())
        for name in ("provider.yaml", "claims.yaml")
    )
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "tenant-1-join", "namespace": "vcluster-platform"},
    }
    secret["stringData"] = {"token": TOKEN, "ca.crt": CERTIFICATE}
    [block] = re.findall(r"```yaml\n(.*?)```", CONFIG, re.DOTALL)
    config = yaml.safe_load(block)
    done = function(resource_list(provider, claim, secret, config=config))
    assert done.code == 0, done.stderr


@pytest.mark.parametrize(
    "model", [KubeVirtNodesSpec, VirtualCluster, CertificateAuthority, ConfigMapData]
)
def test_every_field_of_the_config_is_explained(model: type[Model]) -> None:
    for name in model.aliases().values():
        assert re.search(rf"^\|.*[`.]{name}\b", CONFIG, re.MULTILINE), name
