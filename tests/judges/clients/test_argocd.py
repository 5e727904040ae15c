"""The real argocd-cmp-server renders with the plugin.yaml that is shipped, and shows krmfn's errors."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.judges.clients.cmp_server import Parameter, PluginError, Server
from tests.support import (
    CLAIM,
    FIXTURES,
    ROOT,
    TOKEN,
    TOOLS,
    changed,
    krmfn,
    kustomize,
    objects,
)

CALLERS_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
PLUGIN = (ROOT / "argocd" / "plugin.yaml").read_text()
FOREIGN = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\n  annotations: {config.kubernetes.io/index: '0', a: b}\ndata: {v: '1e3'}\n"
LOCAL = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: local, annotations: {config.kubernetes.io/local-config: 'true'}}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the minimal example as the application `apps/nodes`, and manifests that are not krmfn's beside it."""
    app = tmp_path / "apps" / "nodes"
    shutil.copytree(FIXTURES / "minimal", app, ignore=shutil.ignore_patterns("expected.yaml"))
    (app / "more.yaml").write_text(FOREIGN)
    (app / "local.yaml").write_text(LOCAL)
    (app / "values.yaml").write_text("replicas: 3\n")
    return tmp_path


def named(manifests: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(value["kind"], value["metadata"]["name"]) for value in manifests]


def test_an_application(cmp_server: Callable[..., Server], repository: Path) -> None:
    manifests = cmp_server(PLUGIN).generate(repository, "apps/nodes")
    assert named(manifests) == [
        ("ConfigMap", "more"),
        ("Secret", "tenant-1-a-cloud-init"),
        ("VirtualMachine", "tenant-1-a"),
    ]
    assert manifests[0] == {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more", "annotations": {"a": "b"}}, "data": {"v": "1e3"},
    }  # fmt: skip
    assert manifests[1:] == objects((FIXTURES / "minimal" / "expected.yaml").read_text())


def test_the_place_of_the_repository_changes_nothing(
    cmp_server: Callable[..., Server], repository: Path, tmp_path: Path
) -> None:
    server = cmp_server(PLUGIN)
    assert server.generate(repository, "apps/nodes") == server.generate(repository, "apps/nodes")
    shutil.move(repository / "apps" / "nodes", repository / "elsewhere")
    assert len(server.generate(repository, "elsewhere")) == 3


def first_line(error: pytest.ExceptionInfo[PluginError]) -> str:
    """What the interface shows at first: the command and the first line of stderr."""
    text = str(error.value)
    assert TOKEN not in text
    assert "Traceback" not in text
    return text.splitlines()[0]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("claims.yaml", json.dumps(changed(CLAIM, "spec.typeRef", "smal")), 'exit status 1: error: claims.yaml:1:152: NodeClaim p-default/node-1: spec.typeRef: is "smal"'),
        ("claims.yaml", "a: [", "exit status 1: error: claims.yaml:2:1: is not YAML"),
        ("claims.yaml", "", "exit status 1: error: config.yaml:"),
        ("config.yaml", "", "exit status 1: error: the files hold no KubeVirtNodes"),
        ("token.yaml", "", "exit status 1: error: config.yaml:"),
    ],
)  # fmt: skip
def test_the_first_line_is_the_cause(
    cmp_server: Callable[..., Server], repository: Path, file: str, text: str, said: str
) -> None:
    (repository / "apps" / "nodes" / file).write_text(text)
    with pytest.raises(PluginError) as error:
        cmp_server(PLUGIN).generate(repository, "apps/nodes")
    assert first_line(error).startswith(
        "error generating manifests: `krmfn generate` failed " + said
    )


def test_an_empty_folder(cmp_server: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PluginError, match="the files hold no KubeVirtNodes"):
        cmp_server(PLUGIN).generate(tmp_path, "empty")


def test_nothing_to_print_is_no_success(
    cmp_server: Callable[..., Server], repository: Path
) -> None:
    app = repository / "apps" / "nodes"
    for name in ("claims.yaml", "more.yaml"):
        (app / name).unlink()
    config = yaml.safe_load((app / "config.yaml").read_text())
    config["spec"]["virtualClusters"][0]["allowNoNodes"] = True
    (app / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(
        PluginError,
        match="exit status 3: error: the folder gives no manifest: Argo CD would delete",
    ):
        cmp_server(PLUGIN).generate(repository, "apps/nodes")


def test_parameters(cmp_server: Callable[..., Server], repository: Path) -> None:
    shared = repository / "shared"
    shared.mkdir()
    shutil.move(repository / "apps" / "nodes" / "provider.yaml", shared)
    (shared / "other.yaml").write_text(
        (repository / "apps" / "nodes" / "config.yaml")
        .read_text()
        .replace("name: nodes", "name: others")
    )
    server = cmp_server(PLUGIN)
    assert [
        (one["name"], one.get("collectionType", "string"))
        for one in server.announced(repository, "apps/nodes")
    ] == [
        ("config", "string"),
        ("paths", "array"),
    ]
    (shared / "other.yaml").rename(repository / "other.yaml")
    parameters: list[Parameter] = [
        {"name": "paths", "array": ["../../shared"]},
        {"name": "config", "string": "../../other.yaml"},
    ]
    (repository / "apps" / "nodes" / "config.yaml").unlink()
    manifests = server.generate(repository, "apps/nodes", parameters=parameters)
    assert manifests[-1]["metadata"]["annotations"]["krmfn.dev/owner"] == "others"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ([{"name": "paths", "array": ["../../.."]}], "is outside of the repository"),
        ([{"name": "paths", "array": ["/etc/passwd"]}], "is outside of the repository"),
        ([{"name": "config", "string": "/etc/hostname"}], "is outside of the repository"),
        ([{"name": "paths", "array": ["link.yaml"]}], "is outside of the repository"),
        ([{"name": "paths", "array": ["../../link"]}], "is outside of the repository"),
        (
            [{"name": "insecure", "string": "true"}],
            'has "insecure", no parameter of krmfn; known are config, paths',
        ),
        ([{"name": "paths", "string": "x"}], 'has "paths", which must be set as array'),
        ([{"name": "paths", "array": ["-"]}], 'has "paths", which must be set as array'),
    ],
)
def test_parameters_stay_in_the_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, parameters: Any, said: str
) -> None:
    # Argo CD itself refuses such links; whoever switches that off meets krmfn.
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.yaml").write_text("kind: Secret\napiVersion: v1\nmetadata: {name: hosts}\n")
    (repository / "apps" / "nodes" / "link.yaml").symlink_to(outside / "secret.yaml")
    (repository / "link").symlink_to(outside)
    done = subprocess.run(
        [sys.executable, "-m", "krmfn", "generate"],
        cwd=repository / "apps" / "nodes",
        env={
            "PYTHONPATH": str(ROOT),
            "ARGOCD_APP_PARAMETERS": json.dumps(parameters),
            "ARGOCD_APP_SOURCE_PATH": "apps/nodes",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_five_hundred_claims(cmp_server: Callable[..., Server], repository: Path) -> None:
    app = repository / "apps" / "nodes"
    claim = (app / "claims.yaml").read_text()
    (app / "provider.yaml").write_text(
        (app / "provider.yaml").read_text().replace("maxCapacity: 10", "maxCapacity: 500")
    )
    (app / "claims.yaml").write_text(
        "---\n".join(claim.replace("tenant-1-a", f"tenant-1-{number}") for number in range(500))
    )
    assert len(cmp_server(PLUGIN).generate(repository, "apps/nodes")) == 1001


def _listens(pid: int, signum: int) -> bool:
    """Whether a process has a handler for a signal, as Linux tells."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(status["SigCgt"], 16) >> (signum - 1) & 1)


def test_a_time_out_says_so(repository: Path) -> None:
    app = repository / "apps" / "nodes"
    claim = (app / "claims.yaml").read_text()
    (app / "claims.yaml").write_text(
        "---\n".join(claim.replace("tenant-1-a", f"tenant-1-{number}") for number in range(8000))
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "krmfn", "generate"],
        cwd=app,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # On a busy machine the interpreter itself takes a second to start, and until krmfn listens, nobody can say a word.
    while process.poll() is None and not _listens(process.pid, signal.SIGTERM):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (143, b"")
    assert stderr.startswith(b"error: terminated by the caller (SIGTERM)")


KUSTOMIZE = (ROOT / "argocd" / "kustomize" / "plugin.yaml").read_text()
TO_STAGING = """patches:
- target: {kind: NodeProvider}
  patch: |-
    - {op: replace, path: /spec/kubeVirt/clusterRef/namespace, value: staging}
"""


def test_kustomize_builds_an_application(
    cmp_server: Callable[..., Server], repository: Path
) -> None:
    """An overlay of two folders, with manifests of others, is what kustomize gives; the plain plugin refuses it."""
    app = repository / "apps" / "nodes"
    overlay = repository / "apps" / "staging"
    overlay.mkdir()
    (app / "config.yaml").rename(overlay / "config.yaml")
    (app / "kustomization.yaml").write_text(
        "resources: [provider.yaml, claims.yaml, token.yaml, more.yaml, local.yaml]\n"
    )
    (overlay / "kustomization.yaml").write_text(
        "resources: [../nodes]\ntransformers: [config.yaml]\n" + TO_STAGING
    )
    server = cmp_server(KUSTOMIZE, {"PATH": f"{TOOLS}:{CALLERS_PATH}"})
    manifests = server.generate(repository, "apps/staging")
    assert manifests == objects(kustomize(overlay).stdout)
    assert {one["metadata"].get("namespace") for one in manifests} == {None, "staging"}
    with pytest.raises(PluginError, match=r"does more than list files \(patches, resources\)"):
        cmp_server(PLUGIN).generate(repository, "apps/staging")
    (overlay / "kustomization.yaml").write_text("resources: [../nodes, missing.yaml]\n")
    with pytest.raises(PluginError) as failure:
        server.generate(repository, "apps/staging")
    assert "exit status 1: error: .: kustomize: accumulating resources" in str(failure.value)
    with pytest.raises(PluginError, match=r'has "paths", but kustomize builds one folder'):
        server.generate(
            repository, "apps/staging", parameters=[{"name": "paths", "array": ["../nodes"]}]
        )


def test_the_config_beside_a_kustomization_is_found(
    cmp_server: Callable[..., Server], repository: Path
) -> None:
    app = repository / "apps" / "nodes"
    (app / "kustomization.yaml").write_text(
        "resources: [provider.yaml, claims.yaml, token.yaml, more.yaml, local.yaml]\n" + TO_STAGING
    )
    server = cmp_server(KUSTOMIZE, {"PATH": f"{TOOLS}:{CALLERS_PATH}"})
    manifests = server.generate(repository, "apps/nodes")
    assert [(one["kind"], one["metadata"].get("namespace")) for one in manifests] == [
        ("ConfigMap", None),
        ("Secret", "staging"),
        ("VirtualMachine", "staging"),
    ]


def test_the_shipped_manifests_say_the_same() -> None:
    for name in ("repo-server-patch.yaml", "kustomization.yaml"):
        plain = (ROOT / "argocd" / name).read_text().splitlines()[1:]
        variant = (ROOT / "argocd" / "kustomize" / name).read_text().splitlines()[1:]
        assert [line.replace("krmfn-kustomize", "krmfn") for line in variant] == plain
    values = yaml.safe_load((ROOT / "argocd" / "helm-values.yaml").read_text())
    plugin = yaml.safe_load(PLUGIN)
    assert values["configs"]["cmp"]["plugins"]["krmfn"] == plugin["spec"]
    patch = yaml.safe_load((ROOT / "argocd" / "repo-server-patch.yaml").read_text())
    [container] = patch["spec"]["template"]["spec"]["containers"]
    [other] = values["repoServer"]["extraContainers"]
    assert {**container, "volumeMounts": 0} == {**other, "volumeMounts": 0}
    assert set(plugin["spec"]) == {"generate", "parameters"}
    assert krmfn("parameters").returncode == 0
    application = yaml.safe_load((ROOT / "argocd" / "application.yaml").read_text())
    assert application["spec"]["source"]["plugin"]["name"] == plugin["metadata"]["name"]
