"""What the pages of examples/ say beyond their commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import ROOT, krmfn, objects

EXAMPLES = ROOT / "examples"
FLEET = EXAMPLES / "applicationset"


def test_every_folder_has_a_page_and_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for folder in (path for path in EXAMPLES.iterdir() if path.is_dir()):
        assert (folder / "README.md").exists(), folder
        assert f"]({folder.name})" in listed


def generated(folder: Path, template: dict[str, str]) -> str:
    """What the plugin gives Argo CD for one folder, with the parameters that the ApplicationSet has."""
    path = folder.relative_to(FLEET)
    text = json.dumps(template)
    for name, value in (
        ("index .path.segments 1", path.parts[1]),
        (".path.basename", path.name),
        (".path.path", str(path)),
    ):
        text = text.replace(f"{{{{ {name} }}}}", value)
    assert "{{" not in text
    source = json.loads(text)["spec"]["source"]
    assert source["path"] == str(path)
    done = subprocess.run(
        [sys.executable, "-m", "krmfn", "generate"],
        cwd=FLEET / source["path"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ARGOCD_APP_SOURCE_PATH": source["path"],
            "ARGOCD_APP_PARAMETERS": json.dumps(source["plugin"]["parameters"]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_applications_of_a_fleet_are_together_what_one_run_would_be(tmp_path: Path) -> None:
    template = yaml.safe_load((FLEET / "applicationset.yaml").read_text())["spec"]["template"]
    folders = sorted(FLEET.glob("tenants/*/*"))
    assert len(folders) == 3
    parts = [one for folder in folders for one in objects(generated(folder, template))]
    whole = tmp_path / "nodes.yaml"
    configs = [yaml.safe_load((folder / "nodes.yaml").read_text()) for folder in folders]
    for config in configs[1:]:
        configs[0]["spec"]["virtualClusters"] += config["spec"]["virtualClusters"]
    together = []
    for cluster in ("kubevirt-east", "kubevirt-west"):
        config = {**configs[0], "spec": {**configs[0]["spec"], "cluster": cluster}}
        names = {folder.name for folder in folders if folder.parts[-2] == cluster}
        config["spec"]["virtualClusters"] = [
            tenant for tenant in config["spec"]["virtualClusters"] if tenant["name"] in names
        ]
        whole.write_text(yaml.safe_dump(config))
        files = [str(folder / "tenant.yaml") for folder in folders if folder.parts[-2] == cluster]
        provider = str(FLEET / "providers" / f"{cluster}.yaml")
        done = krmfn("render", str(whole), provider, *files)
        assert done.returncode == 0, done.stderr
        together += objects(done.stdout)
    # The owner is the config, which each application has its own of.
    for one in [*parts, *together]:
        del one["metadata"]["annotations"]["krmfn.dev/owner"]
    assert sorted(parts, key=str) == sorted(together, key=str)


def test_fluxs_path_is_what_krmfn_wrote() -> None:
    repository = EXAMPLES / "flux-monorepo"
    sync = yaml.safe_load((repository / "clusters" / "kubevirt-1" / "nodes.yaml").read_text())
    assert (repository / sync["spec"]["path"] / "kustomization.yaml").exists()
    done = krmfn("render", "-o", "rendered", "--check", "nodes", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_example_but_kpts_holds_a_token() -> None:
    for file in EXAMPLES.rglob("*.yaml"):
        is_kpt = file.parent.name == "kpt"
        assert ("abcdef.0123456789abcdef" in file.read_text()) == (
            is_kpt and file.name == "token.yaml"
        )
