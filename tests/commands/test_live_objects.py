"""`krmfn plan --against` a cluster tells what an apply takes away: by who owns which fields."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT, changed, krmfn, objects

T = "spec.template.spec"
D = f"{T}.domain"
NOTED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    return tmp_path


def edit(package: Path, old: str, new: str, file: str = "provider.yaml") -> None:
    path = package / "in" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rendered(package: Path) -> list[Any]:
    return objects(krmfn("render", "in", cwd=package).stdout)


def fields(value: Any) -> Any:
    """The FieldsV1 of a declaration. KubeVirt's lists are atomic."""
    if not isinstance(value, dict):
        return {}
    names = ("apiVersion", "kind", "name", "namespace")
    return {f"f:{key}": fields(child) for key, child in value.items() if key not in names}


def owned(
    made: Any,
    manager: str = "kubectl",
    operation: str = "Apply",
    time: str = "2026-01-02T00:00:00Z",
) -> dict[str, Any]:
    """An entry of managedFields: a manager has written all of an object."""
    return {
        "apiVersion": made["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields(made),
        "manager": manager, "operation": operation, "time": time,
    }  # fmt: skip


def live(made: Any, *entries: Any) -> Any:
    """The object as a server gives it: with KubeVirt's own additions, and these managedFields."""
    metadata = {**made["metadata"], "uid": "x", "resourceVersion": "1"}
    if entries:
        metadata["managedFields"] = list(entries)
    made = {**made, "metadata": metadata}
    for key, text in made.pop("stringData", {}).items():
        data = made.setdefault("data", {})
        data[key] = base64.b64encode(text.encode()).decode()
    if made["kind"] == "VirtualMachine":
        domain = made["spec"]["template"]["spec"]["domain"]
        firmware = {"uuid": "y", **domain.get("firmware", {})}
        added = {"machine": {"type": "q35"}, "resources": {}, **domain, "firmware": firmware}
        made = changed(changed(made, D, added), f"{T}.architecture", "amd64")
    return made


def applied(made: Any, manager: str = "kubectl") -> Any:
    """The object after a server-side apply."""
    return live(made, owned(made, manager))


def noted(made: Any) -> Any:
    """The object after `kubectl apply` on the client's side."""
    annotations = {**made["metadata"]["annotations"], NOTED: json.dumps(made)}
    return live(changed(made, "metadata.annotations", annotations))


def exported(made: Any) -> Any:
    """The object as `kubectl get -o yaml` shows it, after a server-side apply."""
    return live(made)


def plan(package: Path, made: list[Any], *more: str) -> Any:
    stdin = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": made}, sort_keys=False)
    return krmfn("plan", "in", "--against", "-", *more, cwd=package, stdin=stdin)


def changes(package: Path, made: list[Any]) -> list[Any]:
    """The changes of the first machine, or else the first Secret: path, old, new, verdict."""
    done = plan(package, made, "-o", "json")
    assert done.returncode == 0, done.stderr
    found = sorted(json.loads(done.stdout)["changes"], key=lambda change: change["kind"])
    rows = found[-1]["fields"] if found else []
    return [(one["path"], one["old"], one["new"], one["verdict"]) for one in rows]


# Each was run on a live cluster: Flux, Argo CD, kubectl and kpt take them away alike.
REMOVALS = [
    ("nodeSelector: {zone: a}", "nodeSelector", "pending"),
    ("tolerations: [{key: a, operator: Exists}]", "tolerations", "pending"),
    (
        "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: "
        "[{weight: 1, podAffinityTerm: {topologyKey: zone}}]}}",
        "affinity",
        "pending",
    ),
    ("evictionStrategy: LiveMigrate", "evictionStrategy", "restart"),
    ("priorityClassName: high", "priorityClassName", "restart"),
]


@pytest.mark.parametrize("cluster", [applied, noted])
@pytest.mark.parametrize(("line", "field", "verdict"), REMOVALS)
def test_a_field_that_is_declared_no_more_goes(
    package: Path, line: str, field: str, verdict: str, cluster: Any
) -> None:
    edit(package, "            domain:", f"            {line}\n            domain:")
    before = [cluster(made) for made in rendered(package)]
    assert changes(package, before) == []
    edit(package, f"            {line}\n", "")
    [(path, old, new, found)] = changes(package, before)
    assert (path, old is None, new, found) == (f"{T}.{field}", False, None, verdict)
    failed = plan(package, before, "--fail-on", verdict)
    assert (failed.returncode, "no-field-owners" in failed.stderr) == (4, False)


@pytest.mark.parametrize("cluster", [applied, noted])
@pytest.mark.parametrize(
    ("block", "line", "path", "verdict"),
    [
        ("              cpu:\n", "                model: host-model\n", f"{D}.cpu.model", "restart"),
        ("              memory:\n", "                hugepages: {pageSize: 2Mi}\n", f"{D}.memory.hugepages", "restart"),
        (
            "            domain:\n",
            "              resources: {limits: {memory: 6Gi}}\n",
            f"{D}.resources",
            "restart",
        ),
        (
            "        template:\n",
            "          metadata: {labels: {team: a}}\n",
            "spec.template.metadata.labels.team",
            "next-start",
        ),
        (
            "                - name: root\n",
            "                  cache: none\n",
            f"{D}.devices.disks[root].cache",
            "restart",
        ),
        (
            "                - name: default\n",
            "                  model: e1000\n",
            f"{D}.devices.interfaces[default].model",
            "restart",
        ),
    ],
)  # fmt: skip
def test_a_key_that_is_declared_no_more_goes(
    package: Path, block: str, line: str, path: str, verdict: str, cluster: Any
) -> None:
    edit(package, block, block + line)
    before = [cluster(made) for made in rendered(package)]
    assert changes(package, before) == []
    edit(package, line, "")
    [(found, _, new, given)] = changes(package, before)
    assert (found, new, given) == (path, None, verdict)


@pytest.mark.parametrize("cluster", [applied, noted, exported])
def test_a_list_is_replaced_whole_with_what_nobody_declared(package: Path, cluster: Any) -> None:
    """KubeVirt's lists are atomic: an apply takes away what was set by hand inside an element."""
    before = [cluster(made) for made in rendered(package)]
    for made in before[1:]:
        made["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0]["model"] = "e1000"
        made["spec"]["template"]["spec"]["hostname"] = "set-by-hand"
    path = f"{D}.devices.interfaces[default].model"
    assert changes(package, before) == [(path, "e1000", None, "restart")]


@pytest.mark.parametrize("cluster", [applied, noted, exported])
def test_what_comes_back_inside_a_list_is_no_change(package: Path, cluster: Any) -> None:
    """Go writes empty structs, and webhooks put back what they added."""
    edit(package, "              resources:\n                requests:\n                  storage: 20Gi",
         "              accessModes: [ReadWriteOnce]")  # fmt: skip
    edit(package, "            source:\n              registry:\n                url: docker://"
         "quay.io/containerdisks/ubuntu:24.04", "            source: {snapshot: {name: a, namespace: b}}")  # fmt: skip
    before = [cluster(made) for made in rendered(package)]
    for made in before[1:]:
        made["metadata"]["annotations"]["kubemacpool.io/transaction-timestamp"] = "2026"
        made["spec"]["preference"] = {"name": "linux"}
        disk = made["spec"]["dataVolumeTemplates"][0]
        disk["metadata"]["creationTimestamp"] = None
        disk["spec"]["storage"] |= {"resources": {}, "storageClassName": "fast"}
        [interface] = made["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]
        interface["macAddress"] = "02:00:00:00:00:01"
    assert changes(package, before) == []
    for made in before[1:]:
        del made["metadata"]["annotations"]["kubemacpool.io/transaction-timestamp"]
        del made["spec"]["preference"]
    assert [path for path, *_ in changes(package, before)] == [
        "spec.dataVolumeTemplates[tenant-1-workers-1-root].spec.storage.storageClassName",
        f"{D}.devices.interfaces[default].macAddress",
    ]


def with_selector(package: Path) -> list[Any]:
    """What is rendered with a node selector that the declarations have no more afterwards."""
    line = "            nodeSelector: {zone: a}\n"
    edit(package, "            domain:", f"{line}            domain:")
    made = rendered(package)
    edit(package, line, "")
    return made


SELECTOR = fields({"spec": {"template": {"spec": {"nodeSelector": {"zone": "a"}}}}})


@pytest.mark.parametrize(
    ("applier", "other", "operation", "goes"),
    [
        ("kubectl", "kubectl-edit", "Update", False),
        ("kubectl", "another", "Apply", False),
        ("argocd-controller", "kubectl-edit", "Update", False),
        # Every client takes over what `kubectl apply` had written before.
        ("kubectl", "kubectl-client-side-apply", "Update", True),
        ("argocd-controller", "kubectl-client-side-apply", "Update", True),
        # Flux takes over what any kubectl command wrote, and undoes it.
        ("kustomize-controller", "kubectl-edit", "Update", True),
        ("kustomize-controller", "kubectl", "Apply", True),
        ("kustomize-controller", "before-first-apply", "Update", True),
        ("kustomize-controller", "another", "Update", False),
    ],
)
def test_a_field_of_two_managers_stays_unless_one_takes_over(
    package: Path, applier: str, other: str, operation: str, goes: bool
) -> None:
    before = []
    for made in with_selector(package):
        entry = {**owned(made, other, operation), "fieldsV1": SELECTOR}
        before.append(live(made, owned(made, applier), entry))
    found = [path for path, *_ in changes(package, before)]
    assert found == ([f"{T}.nodeSelector"] if goes else [])


@pytest.mark.parametrize(
    ("applier", "goes"), [("kubectl", False), ("kustomize-controller", True)]
)  # fmt: skip
def test_flux_takes_back_what_kubectl_set(package: Path, applier: str, goes: bool) -> None:
    before = []
    for old, made in zip(with_selector(package), rendered(package), strict=True):
        entry = {**owned(old, "kubectl-patch", "Update"), "fieldsV1": SELECTOR}
        before.append(live(old, owned(made, applier), entry))
    found = [path for path, *_ in changes(package, before)]
    assert found == ([f"{T}.nodeSelector"] if goes else [])


@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_a_manager_that_does_not_apply_what_krmfn_renders_takes_nothing_away(
    package: Path, operation: str
) -> None:
    """An Apply without krmfn's own annotation is another one's, and an Update removes nothing."""
    before = []
    for made in with_selector(package):
        entry = owned(made, "tool", operation)
        if operation == "Apply":
            del entry["fieldsV1"]["f:metadata"]
        before.append(live(made, entry))
    assert changes(package, before) == []
    assert "no-field-owners" not in plan(package, before).stderr


@pytest.mark.parametrize(
    ("noted_at", "goes"), [("2026-01-01T00:00:00Z", False), ("2026-01-03T00:00:00Z", True)]
)
def test_the_last_of_both_ways_to_apply_counts(package: Path, noted_at: str, goes: bool) -> None:
    """The annotation had the selector. It counts only if it is younger than the last Apply."""
    before = []
    for old, made in zip(with_selector(package), rendered(package), strict=True):
        annotation = {"metadata": {"annotations": {NOTED: ""}}}
        client = {**owned(old, "kubectl-client-side-apply", "Update", noted_at)}
        client["fieldsV1"] = fields(annotation)
        object_ = noted(old)
        object_["metadata"]["managedFields"] = [owned(made), client]
        before.append(object_)
    found = [path for path, *_ in changes(package, before)]
    assert found == ([f"{T}.nodeSelector"] if goes else [])


def test_a_list_with_keys_is_owned_by_element(package: Path) -> None:
    lines = (
        "            topologySpreadConstraints:\n"
        "            - {topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}\n"
    )
    edit(package, "            domain:", f"{lines}            domain:")
    before = []
    for made in rendered(package):
        entry = owned(made)
        if made["kind"] == "VirtualMachine":
            spec = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]
            key = 'k:{"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}'
            spec["f:topologySpreadConstraints"] = {key: {".": {}, "f:maxSkew": {}}}
            [one] = made["spec"]["template"]["spec"]["topologySpreadConstraints"]
            other = {**one, "topologyKey": "host"}
            one |= {"minDomains": 2}
            made["spec"]["template"]["spec"]["topologySpreadConstraints"].append(other)
        before.append(live(made, entry))
    assert changes(package, before) == []
    edit(package, lines, "")
    [(path, old, new, _)] = changes(package, before)
    assert (path, len(old), new) == (f"{T}.topologySpreadConstraints", 1, None)


def test_a_line_says_what_can_not_be_seen(package: Path) -> None:
    made = with_selector(package)
    for cluster, told in ((exported, True), (applied, False), (noted, False)):
        before = [cluster(one) for one in made]
        assert ("(no-field-owners)\n" in plan(package, before).stderr) is told
    before = [exported(one) for one in made]
    assert changes(package, before) == []
    shown = plan(package, before)
    assert shown.stderr == (
        "info: standard input: has 3 live objects without managedFields, so some fields that go "
        "with the change are not shown; use kubectl get --show-managed-fields (no-field-owners)\n"
    )
    edit(package, "spec:\n", "spec:\n  acceptWarnings: [no-field-owners]\n", "nodes.yaml")
    assert plan(package, before).stderr == ""


@pytest.mark.parametrize("cluster", [applied, noted])
@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("annotations", "argocd.argoproj.io/tracking-id"),
        ("annotations", "argocd.argoproj.io/installation-id"),
        ("annotations", "config.k8s.io/owning-inventory"),
        ("annotations", "kubevirt.io/latest-observed-api-version"),
        ("annotations", "kubevirt.io/storage-observed-api-version"),
        ("labels", "app.kubernetes.io/instance"),
        ("labels", "argocd.argoproj.io/instance"),
        ("labels", "kustomize.toolkit.fluxcd.io/name"),
        ("labels", "kustomize.toolkit.fluxcd.io/namespace"),
    ],
)
def test_the_marks_of_tools_are_no_change(
    package: Path, where: str, key: str, cluster: Any
) -> None:
    made = rendered(package)
    for one in made:
        one["metadata"][where][key] = "x"
    before = [cluster(one) for one in made]
    assert plan(package, before).stdout == "2 machines: 2 unchanged, nothing deleted\n"
    lines = f"spec:\n  {where}: {{virtualMachine: {{{key}: other}}}}\n"
    edit(package, "spec:\n", lines, "nodes.yaml")
    if krmfn("render", "in", cwd=package).returncode == 0:
        path = f"metadata.{where}[{key}]"
        assert changes(package, before) == [(path, "x", "other", "live")]


@pytest.mark.parametrize("cluster", [applied, noted])
def test_a_brake_that_is_declared_no_more_is_told(package: Path, cluster: Any) -> None:
    """`sync-options` is Argo CD's too, but only people set it."""
    brake = "argocd.argoproj.io/sync-options"
    lines = f"  annotations: {{virtualMachine: {{{brake}: Prune=confirm}}}}\n"
    edit(package, "spec:\n", f"spec:\n{lines}", "nodes.yaml")
    before = [cluster(made) for made in rendered(package)]
    edit(package, lines, "", "nodes.yaml")
    path = f"metadata.annotations[{brake}]"
    assert changes(package, before) == [(path, "Prune=confirm", None, "live")]


def with_network(made: Any, key: str) -> Any:
    """A Secret that was rendered with network data under `data` or `stringData` as well."""
    if made["kind"] != "Secret":
        return made
    text = "n" if key == "stringData" else base64.b64encode(b"n").decode()
    return {**made, key: {**made.get(key, {}), "networkdata": text}}


@pytest.mark.parametrize("cluster", [applied, noted])
def test_a_key_of_string_data_that_goes_is_told_once(package: Path, cluster: Any) -> None:
    edit(package, "spec:\n", "spec:\n  secretEncoding: stringData\n", "nodes.yaml")
    made = rendered(package)
    before = [cluster(with_network(one, "stringData")) for one in made]
    assert changes(package, before) == [("networkdata", None, None, "no-effect")]
    assert "leave a key of stringData in the live Secret" in " ".join(
        plan(package, before).stdout.split()
    )
    # After the apply nobody declares the key, and the server still has it.
    after = [cluster(one) for one in made]
    for one in after:
        if one["kind"] == "Secret":
            one["data"]["networkdata"] = base64.b64encode(b"n").decode()
    assert changes(package, after) == []
    assert changes(package, [exported(with_network(one, "stringData")) for one in made]) == []


@pytest.mark.parametrize("cluster", [applied, noted, exported])
def test_a_key_of_data_that_goes_is_told(package: Path, cluster: Any) -> None:
    before = [cluster(with_network(made, "data")) for made in rendered(package)]
    assert changes(package, before) == [("networkdata", None, None, "next-start")]


UUID = "5d307ca9-b3ef-428c-8861-06e72d69f223"
OTHER_UUID = "7e4fae7a-8ad3-4d06-a4b3-0f6dd0e2e3c5"
ANOTHER = "another system UUID, so cloud-init runs again on the old disk"


@pytest.mark.parametrize("cluster", [applied, noted, lambda made: made])
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{bootloader: {bios: {}}}", "", True),
        (f"{{uuid: {UUID}}}", "", True),
        (f"{{bootloader: {{bios: {{}}}}, uuid: {UUID}}}", "{bootloader: {bios: {}}}", True),
        ("{bootloader: {bios: {}}}", f"{{bootloader: {{bios: {{}}}}, uuid: {UUID}}}", True),
        ("{bootloader: {bios: {}}}", "{bootloader: {efi: {secureBoot: false}}}", False),
        (f"{{serial: a, uuid: {UUID}}}", f"{{serial: b, uuid: {UUID}}}", False),
        (f"{{serial: a, uuid: {UUID}}}", f"{{uuid: {UUID}}}", False),
        # Told once: the serial number does not matter to cloud-init.
        (f"{{serial: a, uuid: {UUID}}}", f"{{serial: b, uuid: {OTHER_UUID}}}", True),
    ],
)
def test_another_system_uuid_is_told(
    package: Path, old: str, new: str, told: bool, cluster: Any
) -> None:
    lines = [f"              firmware: {value}\n" if value else "" for value in (old, new)]
    edit(package, "            domain:\n", f"            domain:\n{lines[0]}")
    before = [cluster(made) for made in rendered(package)]
    edit(package, lines[0], lines[1])
    done = plan(package, before)
    assert done.stdout.startswith("2 machines: 2 to restart, nothing deleted\n")
    assert " ".join(done.stdout.split()).count(ANOTHER) == int(told)


@pytest.mark.parametrize(
    "entries",
    [
        7,
        [7, None, {}, {"fieldsV1": 7}],
        [{"operation": "Apply", "fieldsV1": {"f:metadata": 7}}],
        [{"operation": "Apply", "fieldsV1": {"f:metadata": {"f:annotations": {
            "f:krmfn.dev/owner": 7}}, "f:spec": 7, "f:data": []}}],
        [{"operation": "Apply", "fieldsV1": {"f:metadata": {"f:annotations": {
            "f:krmfn.dev/owner": {}}}, "f:spec": {"f:dataVolumeTemplates": {"k:{": {}, "k:7": 7},
            "f:template": {"f:spec": {"f:volumes": 7, "f:domain": {"k:{}": {}}}}}}},
         {"operation": "Update", "fieldsV1": {"f:spec": 7}}],
    ],
)  # fmt: skip
def test_odd_managed_fields_are_no_traceback(package: Path, entries: Any) -> None:
    before = [live(made) for made in rendered(package)]
    for made in before:
        made["metadata"]["managedFields"] = entries
    done = plan(package, before)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def kubevirt_object(**configuration: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": configuration},
    }


RHEL = "pc-q35-rhel9.6.0"


@pytest.mark.parametrize(
    ("configuration", "type_", "verdicts"),
    [
        (None, "q35", []),
        (None, RHEL, ["restart"]),
        ({"machineType": RHEL}, "q35", ["restart"]),
        ({"machineType": RHEL}, RHEL, []),
        ({"architectureConfiguration": {"amd64": {"machineType": RHEL}}}, RHEL, []),
        ({"architectureConfiguration": {"arm64": {"machineType": RHEL}}}, RHEL, ["restart"]),
        ({"architectureConfiguration": {"arm64": {"machineType": RHEL}}}, "q35", []),
        ({"architectureConfiguration": {}, "machineType": ""}, "q35", []),
    ],
)
def test_a_machine_type_that_kubevirt_adds_again_is_no_change(
    package: Path, configuration: Any, type_: str, verdicts: list[str]
) -> None:
    if configuration is not None:
        text = yaml.safe_dump(kubevirt_object(**configuration))
        (package / "in" / "kubevirt.yaml").write_text(text)
    line = f"              machine: {{type: {type_}}}\n"
    edit(package, "            domain:\n", f"            domain:\n{line}")
    machines = [made for made in rendered(package) if made["kind"] != "KubeVirt"]
    before = [applied(made) for made in machines]
    edit(package, line, "")
    assert [change[-1] for change in changes(package, before)] == verdicts


def test_the_rollout_strategy_of_a_kubevirt_object_counts(package: Path) -> None:
    edit(package, "            domain:", "            nodeSelector: {a: b}\n            domain:")
    before = [applied(made) for made in rendered(package)]
    edit(package, "nodeSelector: {a: b}", "nodeSelector: {a: c}")
    assert [change[-1] for change in changes(package, before)] == ["pending"]
    text = yaml.safe_dump(kubevirt_object(vmRolloutStrategy="Stage"))
    (package / "in" / "kubevirt.yaml").write_text(text)
    assert [change[-1] for change in changes(package, before)] == ["restart"]
