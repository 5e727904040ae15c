"""The judge itself: the real argocd-cmp-server runs a plugin, and what it says is understood."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.judges.clients.cmp_server import Parameter, PluginError, Server


def plugin(generate: object, **spec: object) -> str:
    return json.dumps(
        {
            "kind": "ConfigManagementPlugin",
            "metadata": {"name": "judge"},
            "spec": {"generate": generate, **spec},
        }
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    app = tmp_path / "apps" / "nodes"
    app.mkdir(parents=True)
    (app / "x.yaml").write_text("kind: A\nnumber: 0644\n---\nkind: B\ntext: '0644'\n")
    (app / "link.yaml").symlink_to("x.yaml")
    return tmp_path


def test_manifests_of_a_plugin(cmp_server: Callable[..., Server], repository: Path) -> None:
    server = cmp_server(plugin({"command": ["cat", "link.yaml"]}))
    assert server.generate(repository, "apps/nodes") == [
        {"kind": "A", "number": 420},
        {"kind": "B", "text": "0644"},
    ]


def test_an_error_is_the_command_and_its_stderr(
    cmp_server: Callable[..., Server], repository: Path
) -> None:
    server = cmp_server(plugin({"command": ["cat"], "args": ["y.yaml"]}))
    with pytest.raises(
        PluginError,
        match=r"^error generating manifests: `cat y.yaml` failed exit status 1: cat: y.yaml: No such file",
    ):
        server.generate(repository, "apps/nodes")


def test_what_a_plugin_is_told(cmp_server: Callable[..., Server], repository: Path) -> None:
    script = """printf '{"kind": "Env", "app": "%s", "path": "%s", "env": "%s", "first": "%s", "sidecar": "%s", "parameters": %s}' \
        "$ARGOCD_APP_NAME" "$ARGOCD_APP_SOURCE_PATH" "$ARGOCD_ENV_STAGE" "$PARAM_VALUES_FILES_0" "$SIDECAR" "$ARGOCD_APP_PARAMETERS" """
    server = cmp_server(plugin({"command": ["sh", "-c", script]}), {"SIDECAR": "yes"})
    parameters: list[Parameter] = [
        {"name": "values-files", "array": ["a.yaml", "b.yaml"]},
        {"name": "token", "string": "é"},
        {"name": "m", "map": {"k": "v"}},
    ]
    [told] = server.generate(
        repository, "apps/nodes", app="east", parameters=parameters, env={"STAGE": "test"}
    )
    assert told == {
        "kind": "Env", "app": "east", "path": "apps/nodes", "env": "test", "first": "a.yaml", "sidecar": "yes", "parameters": parameters,
    }  # fmt: skip
    assert server.generate(repository)[0]["parameters"] is None


def test_announced_parameters_and_discovery(
    cmp_server: Callable[..., Server], repository: Path
) -> None:
    static = [
        {"name": "images", "title": "Images", "collectionType": "map", "map": {"a": "b"}},
        {"name": "files", "required": True, "array": ["x", ""]},
    ]
    dynamic = {"command": ["echo", '[{"name": "cluster", "tooltip": "where", "string": "one"}]']}
    spec = {
        "parameters": {"static": static, "dynamic": dynamic},
        "discover": {"fileName": "./x.yaml"},
    }
    server = cmp_server(plugin({"command": ["true"]}, **spec))
    assert server.announced(repository, "apps/nodes") == [
        {"name": "cluster", "tooltip": "where", "string": "one"},
        *static,
    ]
    assert server.matches(repository, "apps/nodes")
    assert not server.matches(repository, "apps")


def test_a_plugin_that_takes_too_long(cmp_server: Callable[..., Server], repository: Path) -> None:
    server = cmp_server(plugin({"command": ["sleep", "30"]}))
    # The server has 100 ms less than its caller: on a busy machine the caller is first.
    with pytest.raises(
        PluginError, match=r"`sleep 30` failed signal: (terminated|killed)|^Deadline Exceeded"
    ):
        server.generate(repository, timeout=1)


def test_a_plugin_that_is_none_does_not_start(cmp_server: Callable[..., Server]) -> None:
    with pytest.raises(RuntimeError, match=r"invalid plugin configuration file"):
        cmp_server(plugin({}))
