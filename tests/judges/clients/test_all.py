"""Every client gives the same objects from the same declarations, byte for byte once kustomize has written them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.judges.clients.cmp_server import Server
from tests.support import FIXTURES, ROOT, TOOLS, krmfn, kustomize

KPTFILE = {
    "apiVersion": "kpt.dev/v1",
    "kind": "Kptfile",
    "metadata": {"name": "nodes"},
    "pipeline": {"mutators": [{"exec": "krmfn", "configPath": "config.yaml"}]},
}


def normal(folder: Path, manifests: str) -> str:
    """The manifests as kustomize writes them."""
    folder.mkdir()
    (folder / "all.yaml").write_text(manifests)
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    built = kustomize(folder)
    assert built.returncode == 0, built.stderr
    return built.stdout


@pytest.mark.parametrize("case", ["sizes", "pool", "images"])
def test_every_client_gives_the_same(
    case: str, cmp_server: Callable[..., Server], tmp_path: Path
) -> None:
    declarations = shutil.copytree(
        FIXTURES / case, tmp_path / "nodes", ignore=shutil.ignore_patterns("expected.yaml")
    )
    expected = kustomize(declarations).stdout
    assert expected.count("\nkind: VirtualMachine\n") > 1

    printed = krmfn("render", str(declarations)).stdout
    assert normal(tmp_path / "printed", printed) == expected

    written = krmfn(
        "render", "-o", str(tmp_path / "rendered"), "--allow-plaintext-token", str(declarations)
    )
    assert written.returncode == 0, written.stderr
    assert kustomize(tmp_path / "rendered").stdout == expected

    package = shutil.copytree(
        declarations, tmp_path / "package", ignore=shutil.ignore_patterns("kustomization.yaml")
    )
    (package / "Kptfile").write_text(yaml.safe_dump(KPTFILE))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    subprocess.run(
        [TOOLS / "kpt", "fn", "render", "--allow-exec", package],
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    files = "---\n".join(
        file.read_text() for file in sorted((package / "rendered").rglob("*.yaml"))
    )
    assert normal(tmp_path / "kpt", files) == expected

    manifests = cmp_server((ROOT / "argocd" / "plugin.yaml").read_text()).generate(declarations)
    assert normal(tmp_path / "argocd", yaml.safe_dump_all(manifests)) == expected
