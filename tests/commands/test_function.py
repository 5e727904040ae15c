"""As a KRM function, krmfn reads one ResourceList, answers with one, and depends on nothing but its input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    ROOT,
    SECRET,
    TOKEN,
    changed,
    counted,
    function,
    krmfn,
    resource_list,
)

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"


def test_success_with_a_warning() -> None:
    done = krmfn(stdin=json.dumps(resource_list()))
    assert done.returncode == 0
    output = yaml.safe_load(done.stdout)
    assert [item["kind"] for item in output["items"]] == [
        "NodeProvider",
        "NodeClaim",
        "Secret",
        "Secret",
        "VirtualMachine",
    ]
    [result] = output["results"]
    assert result == {
        "message": "the output holds the join token in clear; joinToken.delivery: Disk keeps it out",
        "severity": "warning",
        "resourceRef": {
            "apiVersion": "krmfn.dev/v1alpha1",
            "kind": "KubeVirtNodes",
            "name": "nodes",
        },
        "field": {"path": "spec.virtualClusters[0].joinToken"},
        "tags": {"code": "plaintext-token"},
    }
    assert done.stderr.startswith(
        "warning: KubeVirtNodes nodes: spec.virtualClusters[0].joinToken: "
    )


def test_an_error_leaves_the_items_as_they_were() -> None:
    items = "items:\n- apiVersion: management.loft.sh/v1 # odd\n  kind: NodeProvider\n  metadata: {name: x}\n"
    done = krmfn(stdin=f"{HEAD}{items}functionConfig:\n  kind: Wrong\n")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{HEAD}{items}functionConfig:\n  kind: Wrong\nresults:\n")
    [result] = yaml.safe_load(done.stdout)["results"]
    assert result["severity"] == "error"
    assert done.stderr.count("\n") == 1


def test_a_result_names_the_file() -> None:
    annotations = {"config.kubernetes.io/path": "a/claims.yaml", "config.kubernetes.io/index": "3"}
    wrong = changed(changed(CLAIM, "metadata.annotations", annotations), "spec.typeRef", "x")
    done = function(resource_list(PROVIDER, wrong, SECRET))
    [result] = [
        result for result in yaml.safe_load(done.stdout)["results"] if result["severity"] == "error"
    ]
    assert result["file"] == {"path": "a/claims.yaml", "index": 3}
    assert result["resourceRef"]["namespace"] == "p-default"
    assert done.stderr.startswith(
        "error: a/claims.yaml: NodeClaim p-default/node-1: spec.typeRef: "
    )


def test_the_config_is_missing() -> None:
    done = krmfn(stdin=f"{HEAD}items: []\n")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the ResourceList has no functionConfig; krmfn needs a KubeVirtNodes (krmfn.dev/v1alpha1) or a ConfigMap\n",
    )


@pytest.mark.parametrize(
    "value",
    [
        "[" * 60_000 + "]" * 60_000,
        "- " * 101,
        "9" * 100_000,
        "\x00",
        '"\\ud800"',
        '"\\x1b[2J"',
        "{"
        + ", ".join(
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10) if i else 'x'}]" for i in range(12)
        )
        + "}",
        "!!python/object:os.system {}",
        "é" * 100_000,
    ],
    ids=["nested", "dashes", "digits", "NUL", "surrogate", "escape", "bomb", "tag", "long"],
)
def test_hostile_values_are_an_error_after_little_work(value: str) -> None:
    text = json.dumps(
        resource_list(
            changed(PROVIDER, "spec.displayName", "VALUE"),
            changed(CLAIM, "spec.typeRef", "VALUE"),
            SECRET,
        )
    )
    text = text.replace('"VALUE"', value)
    function(resource_list())  # The first run fills what the process keeps.
    reply, steps = counted(lambda: function(text))
    assert steps < 100_000
    done = krmfn(stdin=text)
    assert done.stderr == reply.stderr
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 2000
    assert "\x1b" not in done.stderr


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "krmfn"],
        input=b"\xff\xfe",
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"error: standard input: line 1, column 1: is not valid UTF-8\n"


def test_too_much_input_is_refused_before_it_is_read() -> None:
    from krmfn.manifests import yamlio

    _, faults = yamlio.read(" " * (256 * 2**20 + 1))
    assert [fault.message for fault in faults] == ["is larger than 256 MiB"]


def test_nothing_but_the_input_counts(tmp_path: Path) -> None:
    source = json.dumps(resource_list())
    plain = krmfn(stdin=source)
    environment = {
        "PYTHONPATH": str(ROOT),
        "TZ": "Asia/Tokyo",
        "LANG": "tr_TR.UTF-8",
        "KRMFN": "x",
        "PYTHONHASHSEED": "7",
        "PATH": os.environ["PATH"],
    }
    elsewhere = subprocess.run(
        [sys.executable, "-m", "krmfn"],
        input=source,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert (elsewhere.stdout, elsewhere.stderr) == (plain.stdout, plain.stderr)


def test_sigterm_says_so() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "krmfn"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 143
    assert (stdout, stderr.count(b"\n")) == (b"", 1)
    assert b"SIGTERM" in stderr


def test_click_is_not_loaded_for_the_function() -> None:
    code = "import sys; sys.argv = ['krmfn']\nfrom krmfn.__main__ import main\ntry:\n    main()\nfinally:\n    assert 'click' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(resource_list()),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_results_are_as_discreet_as_stderr() -> None:
    secret = changed(changed(SECRET, "metadata.name", TOKEN), "stringData.token", "x")
    config = changed(CONFIG, "spec.virtualClusters.0.joinToken.secretKeyRef.name", TOKEN)
    config["spec"]["virtualClusters"][0]["joinToken"][TOKEN] = 1
    done = function(resource_list(PROVIDER, CLAIM, secret, config=config))
    assert done.code == 1
    assert TOKEN not in done.stderr
    assert TOKEN not in done.stdout.partition("\nresults:\n")[2]


def test_of_very_many_problems_the_first_are_told() -> None:
    claims = [{**CLAIM, "metadata": {"name": f"n{number}"}, "spec": {}} for number in range(1200)]
    done = function(resource_list(PROVIDER, SECRET, *claims))
    assert done.code == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(yaml.safe_load(done.stdout)["results"]) == 1001
    assert lines[-1] == "error: and 200 problems more"


def test_an_output_that_nothing_could_read_again() -> None:
    data = "#cloud-config\nruncmd: [" + "x" * 900_000 + "]\n"
    provider = changed(PROVIDER, "spec.properties", {"vcluster.com/user-data": data})
    claims = [changed(CLAIM, "metadata.name", f"n{number}") for number in range(300)]
    done = function(resource_list(provider, SECRET, *claims))
    assert done.code == 1
    assert "brings the output to over 256 MiB" in done.stderr
    assert len(done.stdout) < 2_000_000
