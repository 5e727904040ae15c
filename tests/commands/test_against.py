"""`krmfn plan --against` says what a merge does to each machine that runs."""

import base64
import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.commands import compare as against
from tests.support import FIXTURES, ROOT, TOKEN, changed, krmfn, objects

T = "spec.template.spec"
D = f"{T}.domain"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Declarations and what they gave, in `in` and `out`."""
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    assert krmfn("render", "-o", "out", "in", cwd=tmp_path).returncode == 0
    return tmp_path


def edit(package: Path, file: str, old: str, new: str) -> None:
    path = package / "in" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def plan(package: Path, *more: str, stdin: str = "") -> Any:
    return krmfn(
        "plan", "in", "--against", "out" if not stdin else "-", *more, cwd=package, stdin=stdin
    )


def as_json(package: Path, *more: str, stdin: str = "") -> Any:
    done = plan(package, "-o", "json", *more, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_changes(package: Path) -> None:
    found = as_json(package)
    assert (found["changes"], found["summary"], found["peak"]) == (
        [],
        {"unchanged": 2},
        found["totals"],
    )
    assert plan(package).stdout == "2 machines: 2 unchanged, nothing deleted\n"


def test_notes_of_kustomize_are_no_change(package: Path) -> None:
    """They come with `buildMetadata`."""
    for file in (package / "out").rglob("tenant-1-*.yaml"):
        notes = "config.kubernetes.io/origin: a\n    alpha.config.kubernetes.io/transformations: b"
        text = file.read_text().replace("  annotations:\n", f"  annotations:\n    {notes}\n")
        file.write_text(text)
        assert "transformations" in text
    assert set(as_json(package)["summary"]) == {"unchanged"}


def test_creation_deletion_and_what_they_take_along(package: Path) -> None:
    edit(package, "tenant-1.yaml", "name: workers", "name: others")
    found = as_json(package)
    assert found["summary"] == {"delete": 2, "create": 2}
    assert found["secrets"] == {}
    assert (found["apiVersion"], found["kind"]) == ("krmfn.dev/v1alpha1", "MachineChanges")
    [deleted, _] = [
        change
        for change in found["changes"]
        if change["verdict"] == "delete" and change["kind"] == "VirtualMachine"
    ]
    assert deleted == {
        "kind": "VirtualMachine", "namespace": "machines", "name": "tenant-1-workers-0", "verdict": "delete", "fields": [],
        "cause": "no claim asks for it any more", "dataVolumes": ["tenant-1-workers-0-root"],
        "virtualCluster": "tenant-1", "provider": "kubevirt", "nodeType": "small", "pool": "workers",
    }  # fmt: skip
    assert plan(package).stdout == (
        "4 machines: 2 to delete, 2 to create\n"
        "\n"
        "delete      2 machines: machines/tenant-1-workers-0, machines/tenant-1-workers-1\n"
        "            with its disks: <claim>-root\n"
        "create      2 machines: machines/tenant-1-others-0, machines/tenant-1-others-1\n"
        "            for pool others\n"
        "\n"
        "A machine that is renamed or moved is deleted with its disks and created again.\n"
        "\n"
        "At its peak, with new and old machines side by side:\n"
        "CLUSTER      NAMESPACE   VMS   CPU   MEMORY   STORAGE   OTHER\n"
        "kubevirt-1   machines    4     8     16Gi     80Gi      -\n"
    )


def test_the_move_to_one_secret_for_a_pool_names_what_can_not_migrate(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "nodes.yaml", "  cloudInitSecrets: PerNode\n", "")
    assert plan(package).stdout == (
        "2 machines: 2 to restart, nothing deleted\n"
        "\n"
        "delete      2 Secrets: machines/tenant-1-workers-0-cloud-init,\n"
        "            machines/tenant-1-workers-1-cloud-init\n"
        "            named by machines/<claim>, which can't migrate until the next restart\n"
        "create      1 Secret: machines/tenant-1-workers-cloud-init\n"
        "            for pool workers\n"
        "restart     2 machines: machines/tenant-1-workers-0, machines/tenant-1-workers-1\n"
        "            spec.template.spec.volumes[cloudinit].cloudInitNoCloud.secretRef.name:\n"
        '              "<claim>-cloud-init" → "tenant-1-workers-cloud-init" (restart) [krmfn]\n'
    )
    found = {change["name"]: change for change in as_json(package)["changes"]}
    deleted = found["tenant-1-workers-1-cloud-init"]
    assert (deleted["verdict"], deleted["usedBy"]) == ("delete", ["tenant-1-workers-1"])


def test_a_secret_that_goes_with_all_its_machines_is_not_told(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 1")
    assert "Secret" not in plan(package).stdout
    assert "migrate" not in plan(package).stdout


def test_the_move_back_names_the_shared_secret_and_all_its_machines(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    shown = plan(package).stdout
    assert (
        "delete      1 Secret: machines/tenant-1-workers-cloud-init\n"
        "            named by machines/tenant-1-workers-0, machines/tenant-1-workers-1, which can't"
    ) in shown
    assert "create      2 Secrets: " in shown


def test_fields_have_causes(package: Path) -> None:
    edit(package, "provider.yaml", "cores: 2", "cores: 4")
    edit(package, "nodes.yaml", "tenant-1.example.com:443", "tenant-1.example.com:8443")
    found = as_json(package)
    assert (found["summary"], found["secrets"]) == ({"restart": 2}, {"next-start": 1})
    by_kind = {change["kind"]: change for change in found["changes"]}
    assert by_kind["VirtualMachine"]["fields"] == [
        {
            "path": "spec.template.spec.domain.cpu.cores", "old": 2, "new": 4, "verdict": "restart", "why": "",
            "cause": "in/provider.yaml: NodeProvider kubevirt: spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain.cpu.cores",
        }
    ]  # fmt: skip
    assert by_kind["Secret"]["fields"] == [
        {
            "path": "userdata.bootcmd.endpoint",
            "old": "https://tenant-1.example.com",
            "new": "https://tenant-1.example.com:8443",
            "verdict": "next-start",
            "why": "the node joins again",
            "cause": "pool workers",
        }
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "tenant-1.yaml",
            "quantity: 2",
            "quantity: 2\n          taints: [{key: a, effect: NoSchedule}]\n          nodeLabels: {a: b}",
            {"node-labels": "no-effect", "register-with-taints": "no-effect"},
        ),
        ("nodes.yaml", "tenant-1.example.com:443", "10.0.0.9", {"endpoint": "next-start"}),
        ("nodes.yaml", "system: true", "insecureSkipVerify: true", {"authority": "next-start"}),
        (
            "nodes.yaml",
            "tenant-1.example.com:443\n",
            'other.example.com\n    joinArguments: ["--bundle-path=/b"]\n',
            {"endpoint": "next-start", "join_arguments": "next-start"},
        ),
    ],
    ids=["taints and labels", "endpoint", "authority", "arguments of a join that is repeated"],
)
def test_settings_of_the_join_count_for_nodes_that_join(
    package: Path, file: str, old: str, new: str, expected: dict[str, str]
) -> None:
    edit(package, file, old, new)
    [change] = as_json(package)["changes"]
    again = ", 2 nodes to join again at the next start" if "next-start" in expected.values() else ""
    first = plan(package).stdout.splitlines()[0]
    assert first == f"2 machines: 2 unchanged, nothing deleted{again}"
    found = {field["path"]: field["verdict"] for field in change["fields"]}
    assert found == {f"userdata.bootcmd.{name}": verdict for name, verdict in expected.items()}


@pytest.mark.parametrize(
    "bootcmd",
    [
        "['# krmfn: join the virtual cluster. At every boot; writes to /run alone.']",
        "[1, {a: b}]",
        "text",
        "{a: b}",
        "null",
    ],
)
def test_user_data_that_krmfn_did_not_write_is_compared(package: Path, bootcmd: str) -> None:
    [secret] = (package / "out").rglob("*cloud-init.yaml")
    data = yaml.safe_load(secret.read_text())
    text = f"#cloud-config\nbootcmd: {bootcmd}\n"
    data["data"]["userdata"] = base64.b64encode(text.encode()).decode()
    secret.write_text(yaml.safe_dump(data))
    [change] = as_json(package)["changes"]
    assert {field["path"] for field in change["fields"]} >= {"userdata.bootcmd"}


@pytest.mark.parametrize("quoted", ["endpoint='https://a", 'endpoint="', "endpoint", "=", "\\"])
def test_settings_that_no_shell_reads_are_compared(package: Path, quoted: str) -> None:
    [secret] = (package / "out").rglob("*cloud-init.yaml")
    data = yaml.safe_load(secret.read_text())
    text = base64.b64decode(data["data"]["userdata"]).decode()
    assert "  endpoint=https://tenant-1.example.com\n" in text
    text = text.replace("  endpoint=https://tenant-1.example.com\n", f"  {quoted}\n")
    data["data"]["userdata"] = base64.b64encode(text.encode()).decode()
    secret.write_text(yaml.safe_dump(data))
    [change] = as_json(package)["changes"]
    assert "userdata.bootcmd.endpoint" in {field["path"] for field in change["fields"]}


def test_the_network_is_set_up_anew_at_the_next_start(package: Path) -> None:
    def address(cidr: str) -> str:
        given = {"network-cidr": cidr, "network-nameservers": "192.0.2.53"}
        properties = {f"kubevirt.vcluster.com/{key}": value for key, value in given.items()}
        return f"quantity: 2\n          properties: {json.dumps(properties)}"

    edit(package, "tenant-1.yaml", "quantity: 2", address("10.0.0.0/24"))
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "tenant-1.yaml", "10.0.0.0/24", "10.1.0.0/24")
    found = as_json(package)
    assert (found["summary"], found["secrets"]) == ({"unchanged": 2}, {"next-start": 2})
    assert {change["name"] for change in found["changes"]} == {
        "tenant-1-workers-0-network",
        "tenant-1-workers-1-network",
    }


def test_the_cause_is_the_layer_that_wrote_it(package: Path) -> None:
    edit(
        package,
        "provider.yaml",
        "- name: small\n",
        "- name: small\n      resources: {cpu: 4, memory: 8Gi}\n",
    )
    causes = {one["path"]: one["cause"] for one in as_json(package)["changes"][0]["fields"]}
    assert (
        causes[f"{D}.cpu.cores"]
        == "in/provider.yaml: NodeProvider kubevirt: spec.kubeVirt.nodeTypes[0].resources.cpu"
    )
    assert (
        causes[f"{D}.memory.guest"]
        == "in/provider.yaml: NodeProvider kubevirt: spec.kubeVirt.nodeTypes[0].resources.memory"
    )


def test_a_live_machine_is_no_change(package: Path) -> None:
    live = objects(krmfn("render", "in", cwd=package).stdout)
    for value in live:
        value["metadata"] |= {
            "uid": "x",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 3,
        }
        if value["kind"] == "VirtualMachine":
            value["metadata"]["annotations"]["kubevirt.io/latest-observed-api-version"] = "v1"
            value["status"] = {"ready": True}
            inner = value["spec"]["template"]["spec"]
            inner["architecture"] = "amd64"
            inner["domain"]["machine"] = {"type": "q35"}
            inner["domain"]["firmware"] = {"uuid": "y"}
            inner["domain"]["memory"]["guest"] = "4096Mi"
    listed = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": live})
    assert as_json(package, stdin=listed)["summary"] == {"unchanged": 2}
    edit(package, "provider.yaml", "cores: 2", "cores: 4")
    assert as_json(package, stdin=listed)["summary"] == {"restart": 2}


def test_what_kubectl_applied_tells_what_was_taken_out(package: Path) -> None:
    edit(
        package,
        "provider.yaml",
        "          spec:\n            domain:",
        "          spec:\n            subdomain: x\n            domain:",
    )
    live = objects(krmfn("render", "in", cwd=package).stdout)
    for value in live:
        value["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = (
            json.dumps(value)
        )
        value["metadata"]["uid"] = "x"
    edit(package, "provider.yaml", "            subdomain: x\n", "")
    fields = as_json(package, stdin=yaml.safe_dump_all(live))["changes"][0]["fields"]
    assert [(one["path"], one["old"], one["new"]) for one in fields] == [
        (f"{T}.subdomain", "x", None)
    ]


def test_what_a_server_makes_of_string_data_is_no_change(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  secretEncoding: stringData\n")
    live = objects(krmfn("render", "in", cwd=package).stdout)
    for value in live:
        value["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = (
            json.dumps(value)
        )
        for key, text in value.pop("stringData", {}).items():
            value.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    assert (
        sorted(key for value in live for key in value if key.endswith("ata"))
        == ["data"] + ["metadata"] * 3
    )
    assert as_json(package, stdin=yaml.safe_dump_all(live))["summary"] == {"unchanged": 2}


@pytest.mark.parametrize(
    ("path", "value", "verdict", "field"),
    [
        ("spec.runStrategy", "Halted", "start", ("spec.runStrategy", "Halted", "Always")),
        (f"{D}.cpu.cores", 8, "restart", (f"{D}.cpu.cores", 8, 2)),
        (f"{T}.hostname", "x", "unchanged", None),
    ],
)
def test_what_was_changed_by_hand_is_overwritten_where_it_is_declared(
    package: Path, path: str, value: Any, verdict: str, field: Any
) -> None:
    live = objects(krmfn("render", "in", cwd=package).stdout)
    for number, made in enumerate(live):
        made["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = (
            json.dumps(made)
        )
        live[number] = changed(made, path, value) if made["kind"] == "VirtualMachine" else made
    found = as_json(package, stdin=yaml.safe_dump_all(live))
    assert found["summary"] == ({"unchanged": 2} if verdict == "unchanged" else {verdict: 2})
    if field:
        [one] = found["changes"][0]["fields"]
        assert (one["path"], one["old"], one["new"]) == field


def test_a_machine_of_another_owner_would_be_overwritten(package: Path) -> None:
    made = [
        changed(value, "metadata.annotations", {"krmfn.dev/owner": "others"})
        for value in objects(krmfn("render", "in", cwd=package).stdout)
    ]
    done = plan(package, stdin=yaml.safe_dump_all(made))
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "VirtualMachine machines/tenant-1-workers-0: is of others, and the change would overwrite it"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        ("error: the server doesn't have a resource type\n", 1),
        ("\n", 1),
        ("apiVersion: v1\nkind: Status\nstatus: Failure\n", 1),
        ("apiVersion: v1\nkind: List\nitems: []\n", 0),
    ],
)
def test_what_says_nothing_is_no_empty_state(package: Path, stdin: str, code: int) -> None:
    done = plan(package, stdin=stdin)
    assert done.returncode == code, done.stderr
    assert ("has no machine and no Secret" in done.stderr) == (code == 1)


def test_what_a_secret_or_inline_user_data_holds_is_not_shown(package: Path) -> None:
    made = objects(krmfn("render", "in", cwd=package).stdout)
    hidden = "dG9rZW4gaXMgYSBzZWNyZXQ="
    for value in made:
        if value["kind"] == "Secret":
            value["metadata"]["annotations"]["backup"] = hidden
        else:
            [volume] = [
                one
                for one in value["spec"]["template"]["spec"]["volumes"]
                if one["name"] == "cloudinit"
            ]
            volume["cloudInitNoCloud"] = {"userDataBase64": hidden}
    for form in ("text", "json", "markdown"):
        done = plan(package, "-o", form, stdin=yaml.safe_dump_all(made))
        assert done.returncode == 0, done.stderr
        assert "cloudInitNoCloud" in done.stdout
        assert hidden not in done.stdout + done.stderr


def test_one_change_of_many_machines_is_told_once_and_in_100_columns(package: Path) -> None:
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 1000")
    edit(package, "provider.yaml", "maxCapacity: 20", "maxCapacity: 1000")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "provider.yaml", "guest: 4Gi", "guest: 6Gi")
    shown = plan(package).stdout.splitlines()
    assert len(shown) < 10
    assert max(map(len, shown)) <= 100
    assert shown[2].startswith(
        "restart     1000 machines: machines/tenant-1-workers-0, machines/tenant-1-workers-1,"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--max-deletions", "0"],
            4,
            "error: 1 machine would be deleted; --max-deletions allows 0\n",
        ),
        (["--max-deletions", "1"], 0, ""),
        (
            ["--fail-on", "restart,delete"],
            4,
            "error: 1 machine has the verdict delete, on which --fail-on fails\n",
        ),
        (["--fail-on", "no-effect"], 0, ""),
        (["--fail-on", "nothing"], 2, "--fail-on has nothing; verdicts are rejected, delete"),
        (["--rollout-strategy", "Stage"], 0, ""),
        (["--rollout-strategy", "x"], 2, "Invalid value"),
    ],
)
def test_what_fails(package: Path, arguments: list[str], code: int, said: str) -> None:
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 1")
    done = plan(package, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert bool(done.stdout) == (code != 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fail-on", "delete"],
        ["--max-deletions", "1"],
        ["--rollout-strategy", "Stage"],
        ["-o", "markdown"],
    ],
)
def test_options_that_need_an_earlier_state(package: Path, arguments: list[str]) -> None:
    assert krmfn("plan", "in", *arguments, cwd=package).returncode == 2


def test_markdown(package: Path) -> None:
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 1")
    assert plan(package, "-o", "markdown").stdout == (
        "**krmfn plan**: 2 machines: 1 to delete, 1 unchanged\n"
        "\n"
        "| verdict | what | changes |\n"
        "|---|---|---|\n"
        "| delete | 1 machine: machines/tenant-1-workers-1 | with its disks: &#60;claim&#62;-root |\n"
    )


def lose(package: Path) -> str:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    file = package / "out" / "kubevirt-1" / "tenant-1-workers-1.yaml"
    file.write_text("---\n".join(file.read_text().split("---\n")[1:]))
    return "error: out: is not whole: of machines/tenant-1-workers-1 there is only the machine or only its Secret"


def lose_the_nodes(package: Path) -> str:
    for number in (0, 1):
        (package / "out" / "kubevirt-1" / f"tenant-1-workers-{number}.yaml").unlink()
    return "error: out: is not whole: of machines/tenant-1-workers there is only the machine or only its Secret"


def twice(package: Path) -> str:
    shutil.copy(
        package / "out" / "kubevirt-1" / "tenant-1-workers-1.yaml", package / "out" / "b.yaml"
    )
    return "error: out: has VirtualMachine machines/tenant-1-workers-1 twice"


def broken(package: Path) -> str:
    (package / "out" / "b.yaml").write_text("a: [")
    return "error: out/b.yaml:2:1: is not YAML"


def missing(package: Path) -> str:
    shutil.rmtree(package / "out")
    return "error: out: can't be read: No such file or directory"


@pytest.mark.parametrize("make", [lose, lose_the_nodes, twice, broken, missing])
def test_an_earlier_state_that_is_none(package: Path, make: Any) -> None:
    said = make(package)
    done = plan(package)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_what_is_not_this_configs_is_left_out_and_told(package: Path) -> None:
    made = objects(krmfn("render", "in", cwd=package).stdout)
    other = copy.deepcopy(made[2])
    other["metadata"]["annotations"]["krmfn.dev/owner"] = "others"
    foreign: Any = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "x", "namespace": "machines"},
    }
    done = plan(package, stdin=yaml.safe_dump_all([*made, other, foreign]))
    assert done.stdout == "2 machines: 2 unchanged, nothing deleted\n"
    assert (
        "info: standard input: holds 1 object of others, left out here (other-owner)" in done.stderr
    )
    assert "holds 1 object that krmfn did not make" in done.stderr
    foreign["metadata"]["name"] = "tenant-1-workers-0"
    done = plan(package, stdin=yaml.safe_dump(foreign))
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "VirtualMachine machines/tenant-1-workers-0: is not krmfn's, and the change would overwrite it"
        in done.stderr
    )
    only = [value for value in made if value["kind"] == "VirtualMachine"]
    assert "has machines and no Secret" in plan(package, stdin=yaml.safe_dump_all(only)).stderr
    assert "all is new" in plan(package, stdin="{}\n").stderr


_LABELS = {
    "labels": {"app.kubernetes.io/managed-by": "krmfn"},
    "annotations": {"krmfn.dev/owner": "nodes"},
    "namespace": "machines",
}
_ODD: list[Any] = [None, [], {}, 7, "x", {"template": None}, {"template": {"spec": {"domain": 3}}}, {"dataVolumeTemplates": [{"metadata": None}, 4]},
        {"running": "yes", "runStrategy": 7}, {"running": []}, {"template": {"spec": {"domain": {"memory": {"guest": "1Gi"}, "devices": {"interfaces": [{"name": {}}]}}, "networks": [{"name": [], "pod": {}}]}}}, {"template": {"spec": {"domain": {"cpu": {"sockets": "x"}, "memory": {"guest": "nonsense"}}}}},
        {"template": {"spec": {"domain": {"cpu": {"sockets": 2.5}, "devices": {"disks": {"a": 1}}}, "networks": None, "volumes": [1, None]}}}]  # fmt: skip


def test_an_odd_earlier_machine_is_no_traceback(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(package)
    payloads: list[Any] = [None, [], {"userdata": 5}, {"userdata": "!!"}, {"userdata": "YTogWw=="}]
    for spec in _ODD:
        for data in payloads:
            machine = {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachine",
                "metadata": {"name": "tenant-1-workers-0", **_LABELS},
                "spec": spec,
            }
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "tenant-1-workers-0-cloud-init", **_LABELS},
                "data": data,
            }
            Path("earlier.yaml").write_text(yaml.safe_dump_all([machine, secret]))
            done = against.plan(["in"], None, "earlier.yaml", against.Options())
            assert done.code == 0, done.stderr
            assert "2 machines: 1 to create, 1 " in done.stdout


@pytest.mark.parametrize(
    ("where", "key", "value", "words"),
    [
        ("labels", "krmfn.dev/node-provider", [], "to change live"),
        ("labels", "krmfn.dev/node-provider", {}, "to change live"),
        (
            "annotations",
            "kubectl.kubernetes.io/last-applied-configuration",
            '{"metadata": null}',
            "unchanged",
        ),
        # What is not an object was not noted by kubectl: an annotation like others, and it goes.
        *(
            (
                "annotations",
                "kubectl.kubernetes.io/last-applied-configuration",
                text,
                "to change live",
            )
            for text in ("[]", "7", "{")
        ),
    ],
)
def test_odd_metadata_is_no_traceback(
    package: Path, where: str, key: str, value: Any, words: str
) -> None:
    made = objects(krmfn("render", "in", cwd=package).stdout)
    for one in made:
        one["metadata"][where][key] = value
    done = plan(package, stdin=yaml.safe_dump_all(made))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"2 machines: 2 {words}, nothing deleted\n")


def test_machines_of_a_renamed_config_count_as_deleted(package: Path) -> None:
    """Another owner leaves its machines to a prune, though none of this config is deleted."""
    edit(package, "tenant-1.yaml", "name: workers", "name: others")
    config = yaml.safe_load((package / "in" / "nodes.yaml").read_text())
    old = config["metadata"]["name"]
    edit(package, "nodes.yaml", f"name: {old}\n", "name: renamed\n")
    shown = plan(package)
    assert shown.returncode == 0
    assert shown.stdout.startswith("2 machines: 2 to create, nothing of this config deleted\n")
    assert (
        f"warning: out: the config {old} has 2 machines for virtual clusters and providers"
        in shown.stderr
    )
    for gate in (("--max-deletions", "1"), ("--fail-on", "delete")):
        done = plan(package, *gate)
        assert done.returncode == 4, done.stderr
        assert "of another config" in done.stderr
    assert plan(package, "--max-deletions", "2").returncode == 0
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  acceptWarnings: [renamed-owner]\n")
    assert plan(package, "--max-deletions", "0").returncode == 0


def test_a_renamed_config_that_makes_nothing_any_more_is_warned_of(package: Path) -> None:
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 0")
    edit(package, "nodes.yaml", "name: nodes\n", "name: renamed\n")
    config = package / "in" / "nodes.yaml"
    config.write_text(config.read_text() + "    allowNoNodes: true\n")
    done = plan(package, "--max-deletions", "0")
    assert done.returncode == 4
    assert "2 of them of another config" in done.stderr


def test_machines_of_a_provider_without_node_types_are_deletions(package: Path) -> None:
    """The provider is still of this KubeVirt cluster, whatever it offers."""
    text = (package / "in" / "provider.yaml").read_text()
    second = text.replace("name: kubevirt\n", "name: second\n", 1)
    (package / "in" / "second.yaml").write_text(second)
    edit(package, "tenant-1.yaml", "- provider: kubevirt\n", "- provider: second\n")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "tenant-1.yaml", "- provider: second\n", "- provider: kubevirt\n")
    edit(package, "tenant-1.yaml", "name: workers", "name: others")
    head = second.partition("    virtualMachineTemplate:")[0]
    (package / "in" / "second.yaml").write_text(f"{head}    nodeTypes: []\n")
    done = plan(package, "--max-deletions", "0")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        4,
        "4 machines: 2 to delete, 2 to create",
    )


def edited_user_data(package: Path, change: Callable[[str], str]) -> None:
    """Change the user data of the earlier state, as somebody may in a cluster."""
    [secret] = (package / "out").rglob("*cloud-init.yaml")
    data = yaml.safe_load(secret.read_text())
    text = change(base64.b64decode(data["data"]["userdata"]).decode())
    data["data"]["userdata"] = base64.b64encode(text.encode()).decode()
    secret.write_text(yaml.safe_dump(data))


@pytest.mark.parametrize(
    "line",
    [
        "endpoint='https://user:hunter2@example.com'",
        "endpoint=https://example.com/?hunter2",
        "authority=hunter2",
        "password=hunter2",
        "kubelet_arguments='--bootstrap=hunter2 --node-labels=a=hunter2!'",
        "join_arguments=hunter2",
    ],
)
def test_values_that_may_be_secret_are_not_shown(package: Path, line: str) -> None:
    edited_user_data(package, lambda text: text.replace("  authority=system\n", f"  {line}\n"))
    for form in ("text", "json", "markdown", "html"):
        done = plan(package, "-o", form)
        assert done.returncode == 0, done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        assert "userdata.bootcmd" in done.stdout


def test_user_data_without_settings_does_not_say_that_nodes_join_again(package: Path) -> None:
    for change in (lambda text: "", lambda text: text.replace("/run/krmfn/settings", "/run/other")):
        edited_user_data(package, change)
        assert plan(package).stdout.startswith("2 machines: 2 unchanged, nothing deleted\n")


def test_machines_that_are_created_do_not_join_again(package: Path) -> None:
    edit(package, "nodes.yaml", "tenant-1.example.com:443", "other.example.com")
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 4")
    first = plan(package).stdout.splitlines()[0]
    assert first.endswith("nothing deleted, 2 nodes to join again at the next start")


def test_a_node_joins_again_also_if_its_secret_has_another_name(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    alone = plan(package).stdout
    assert "join again" not in alone.splitlines()[0]
    edit(package, "nodes.yaml", "tenant-1.example.com:443", "other.example.com")
    both = plan(package).stdout
    assert "2 nodes to join again at the next start" in both.splitlines()[0]
    assert "userdata.bootcmd.endpoint" in both


def test_a_value_with_the_machines_name_is_shown_as_it_is(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  cloudInitSecrets: PerNode\n")
    name = "tenant-1-workers-0"
    edit(package, "nodes.yaml", "tenant-1.example.com:443", f"{name}.example.com")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "nodes.yaml", f"{name}.example.com", f"{name}.example.org")
    shown = {change["name"]: change["fields"][0] for change in as_json(package)["changes"]}
    field = shown[f"{name}-cloud-init"]
    assert (field["old"], field["new"]) == (
        f"https://{name}.example.com",
        f"https://{name}.example.org",
    )


def test_declarations_are_no_earlier_state(package: Path) -> None:
    done = krmfn("plan", "in", "--against", "in", cwd=package)
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds declarations, such as" in done.stderr


def test_a_check_of_deletions_needs_an_earlier_state(package: Path) -> None:
    """A folder of other manifests is no reason to believe that nothing is deleted; an empty one is."""
    other, empty = package / "other", package / "empty"
    empty.mkdir()
    other.mkdir()
    (other / "a.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
    )
    for folder, gate, code in (
        ("other", ("--max-deletions", "0"), 4),
        ("other", ("--fail-on", "delete"), 4),
        ("other", ("--fail-on", "restart"), 0),
        ("other", (), 0),
        ("empty", ("--max-deletions", "0"), 0),
    ):
        done = krmfn("plan", "in", "--against", folder, *gate, cwd=package)
        assert done.returncode == code, (folder, gate, done.stderr)


def test_every_machine_that_is_deleted_is_named(package: Path) -> None:
    edit(package, "tenant-1.yaml", "quantity: 2", "quantity: 12")
    assert krmfn("render", "-o", "out", "in", cwd=package).returncode == 0
    edit(package, "tenant-1.yaml", "quantity: 12", "quantity: 1")
    for form in ("text", "markdown"):
        shown = plan(package, "-o", form).stdout
        assert "11 machines:" in shown
        assert all(f"machines/tenant-1-workers-{number}" in shown for number in range(1, 12))


def test_no_token_is_shown(tmp_path: Path) -> None:
    shutil.copytree(
        FIXTURES / "minimal", tmp_path / "in", ignore=shutil.ignore_patterns("expected.yaml")
    )
    before = krmfn("render", "in", cwd=tmp_path).stdout
    new = TOKEN.replace("abcdef", "fedcba")
    edit(tmp_path, "token.yaml", TOKEN, new)
    edit(
        tmp_path,
        "provider.yaml",
        "template:\n          spec:",
        f"template:\n          metadata: {{annotations: {{a: {new}}}}}\n          spec:",
    )
    gate = ("--fail-on", "no-effect")
    for form in ("text", "json", "markdown"):
        # A token that expired is changed for nodes that have not joined, so no gate may stop it.
        done = plan(tmp_path, "-o", form, *gate, stdin=before)
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert new not in done.stdout + done.stderr
        assert "userdata.bootcmd" in done.stdout


def test_machines_alike_are_compared_as_if_each_were_alone(tmp_path: Path) -> None:
    """A folder of krmfn's own files is read by shape; a list as kubectl prints it is read whole."""
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    edit(tmp_path, "tenant-1.yaml", "quantity: 2", "quantity: 12")
    for encoding in ("data", "stringData"):
        edit(tmp_path, "nodes.yaml", "spec:\n", f"spec:\n  secretEncoding: {encoding}\n")
        assert krmfn("render", "-o", "out", "in", cwd=tmp_path).returncode == 0
        items = objects(krmfn("render", "in", cwd=tmp_path).stdout)
        listed = yaml.safe_dump(
            {"apiVersion": "v1", "kind": "List", "items": items}, sort_keys=False
        )
        for file, old, new in (
            ("provider.yaml", "cores: 2", "cores: 4"),
            ("provider.yaml", "- name: root\n", "- name: system\n"),
            ("nodes.yaml", ":443", ":8443"),
            ("tenant-1.yaml", "quantity: 12", "quantity: 9"),
        ):
            edit(tmp_path, file, old, new)
            for form in ("text", "json"):
                by_shape, whole = (
                    plan(tmp_path, "-o", form),
                    plan(tmp_path, "-o", form, stdin=listed),
                )
                assert by_shape.stdout == whole.stdout
                assert by_shape.stdout.count("tenant-1-workers-") >= 3
        shutil.rmtree(tmp_path / "in")
        shutil.rmtree(tmp_path / "out")
        shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
        edit(tmp_path, "tenant-1.yaml", "quantity: 2", "quantity: 12")


def only_machines(made: list[Any]) -> list[Any]:
    return [value for value in made if value["kind"] == "VirtualMachine"]


def with_another_owner(made: list[Any]) -> list[Any]:
    other = copy.deepcopy(made[-1])
    other["metadata"]["name"] = "another"
    other["metadata"]["annotations"]["krmfn.dev/owner"] = "others"
    return [*made, other]


def with_a_foreign_machine(made: list[Any]) -> list[Any]:
    metadata = {"name": "foreign", "namespace": "machines"}
    return [
        *made,
        {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": metadata},
    ]


@pytest.mark.parametrize(
    ("code", "earlier"),
    [
        ("no-secrets", only_machines),
        ("nothing-earlier", lambda made: [{}]),
        ("other-owner", with_another_owner),
        ("not-krmfn", with_a_foreign_machine),
    ],
)
def test_notices_can_be_accepted(package: Path, code: str, earlier: Any) -> None:
    made = objects(krmfn("render", "in", cwd=package).stdout)
    state = yaml.safe_dump_all(earlier(made))
    shown = plan(package, stdin=state)
    assert shown.returncode == 0, shown.stderr
    assert f"({code})\n" in shown.stderr
    edit(package, "nodes.yaml", "spec:\n", f"spec:\n  acceptWarnings: [{code}]\n")
    accepted = plan(package, stdin=state)
    assert (accepted.returncode, accepted.stdout) == (0, shown.stdout)
    assert code not in accepted.stderr


def test_an_accepted_notice_hides_no_error(package: Path) -> None:
    edit(package, "nodes.yaml", "spec:\n", "spec:\n  acceptWarnings: [not-krmfn, other-owner]\n")
    made = [
        changed(value, "metadata.annotations", {"krmfn.dev/owner": "others"})
        for value in objects(krmfn("render", "in", cwd=package).stdout)
    ]
    done = plan(package, stdin=yaml.safe_dump_all(made))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is of others, and the change would overwrite it" in done.stderr
    assert "(other-owner)" not in done.stderr


def test_user_data_that_is_new_is_named_by_its_key(package: Path) -> None:
    data = "  properties:\n    vcluster.com/user-data: 'ntp: {enabled: true}'\n"
    edit(package, "provider.yaml", "spec:\n  kubeVirt", f"spec:\n{data}  kubeVirt")
    changes = json.loads(plan(package, "-o", "json").stdout)["changes"]
    paths = {field["path"] for change in changes for field in change["fields"]}
    assert paths == {"userdata.ntp"}


def test_an_object_that_stands_beside_its_unchanged_self_is_twice(package: Path) -> None:
    [file] = (package / "out").glob("*/tenant-1-workers-0.yaml")
    second = file.read_text().replace("guest: 4Gi", "guest: 6Gi")
    (file.parent / "again.yaml").write_text(second)
    done = plan(package)
    assert done.returncode == 1
    assert "VirtualMachine machines/tenant-1-workers-0: stands in the earlier state twice" in (
        done.stderr
    )


def test_a_comment_holds_no_markup_of_others(package: Path) -> None:
    """Nothing that stands in a manifest mentions, links or shows an image on a pull request."""
    evil = "@org/all ![i](http://e.vil/p.png) [approve](http://e.vil) **nothing** `x` <b>"
    annotations = f"  annotations: {{virtualMachine: {{example.com/a: {json.dumps(evil)}}}}}\n"
    edit(package, "nodes.yaml", "spec:\n", f"spec:\n{annotations}")
    shown = plan(package, "-o", "markdown").stdout
    row = next(line for line in shown.splitlines() if "e.vil" in line)
    details = row.split(" | ")[-1]
    assert details.startswith("<code>")
    assert not set("[]*`!") & set(details)
    assert "<b>" not in details
