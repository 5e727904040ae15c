"""Labels and annotations of a claim, or of a pool in the config, go to the machine, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import (
    CLAIM,
    CONFIG,
    FLAT,
    PROVIDER,
    SECRET,
    by_name,
    changed,
    function,
    krmfn,
    refusal,
    resource_list,
)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PRUNE = {"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"}
POOLS = "spec.virtualClusters.0.pools"
VALUES = {
    "privateNodes": {
        "enabled": True,
        "autoNodes": [
            {
                "provider": "edge",
                "static": [{"name": "workers", "quantity": 2}, {"name": "gpu", "quantity": 1}],
            }
        ],
    }
}
POOLED = changed(CONFIG, "spec.virtualClusters.0.values", VALUES)


def machine_of(
    claim: Any, provider: Any = PROVIDER, config: Any = CONFIG
) -> tuple[dict[str, Any], str]:
    reply = function(resource_list(provider, claim, SECRET, config=config))
    assert reply.code == 0, reply.stderr
    return by_name(reply)["VirtualMachine", "node-1"], reply.stderr


def with_metadata(**metadata: dict[str, str]) -> dict[str, Any]:
    return {**CLAIM, "metadata": {**CLAIM["metadata"], **metadata}}


WORDS = st.from_regex(r"[a-z]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True)
KEYS = st.one_of(WORDS, st.builds("{}.example/{}".format, WORDS, WORDS))


@settings(max_examples=50, deadline=None)
@given(
    labels=st.dictionaries(KEYS, WORDS, max_size=4),
    annotations=st.dictionaries(
        KEYS, st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_categories=["C"]))
    ),
)
def test_a_machine_gets_what_its_claim_has_and_else_stays_as_it_was(
    labels: dict[str, str], annotations: dict[str, str]
) -> None:
    plain, _ = machine_of(CLAIM)
    machine, said = machine_of(with_metadata(labels=labels, annotations=annotations))
    assert machine["spec"] == plain["spec"]
    metadata = plain["metadata"]
    assert machine["metadata"] == {
        **metadata,
        "labels": {**labels, **metadata["labels"]},
        "annotations": {**metadata["annotations"], **annotations},
    }
    assert "reserved-metadata" not in said


def test_the_nearer_word_wins() -> None:
    template = "spec.kubeVirt.virtualMachineTemplate.metadata"
    provider = changed(PROVIDER, template, {"labels": {"a": "template", "b": "template"}})
    config = changed(CONFIG, "spec.annotations", {"virtualMachine": {"c": "config", "d": "config"}})
    claim = with_metadata(labels={"a": "claim"}, annotations={"c": "claim"})
    metadata = machine_of(claim, provider, config)[0]["metadata"]
    assert (metadata["labels"]["a"], metadata["labels"]["b"]) == ("claim", "template")
    assert (metadata["annotations"]["c"], metadata["annotations"]["d"]) == ("claim", "config")


# What is reserved, and for whom.
RESERVED = [
    ("labels", "app.kubernetes.io/managed-by", "krmfn"),
    ("labels", "krmfn.dev/pool", "krmfn"),
    ("annotations", "krmfn.dev/owner", "krmfn"),
    ("annotations", LAST_APPLIED, "the tool that sets it"),
    ("annotations", "argocd.argoproj.io/tracking-id", "the tool that sets it"),
    ("labels", "app.kubernetes.io/instance", "the tool that sets it"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "the tool that sets it"),
    ("annotations", "config.k8s.io/owning-inventory", "the tool that sets it"),
    ("annotations", "config.kubernetes.io/depends-on", "kustomize and kpt"),
    ("annotations", "machines.vcluster.com/reboot", "the Platform"),
    ("labels", "loft.sh/vcluster-instance-name", "the Platform"),
    ("labels", "helm.toolkit.fluxcd.io/name", "the tool that sets it"),
]


@pytest.mark.parametrize(("part", "key", "whose"), RESERVED)
def test_what_is_reserved_is_left_out_with_a_warning(part: str, key: str, whose: str) -> None:
    claim = with_metadata(**{part: {key: "mine", "note": "kept"}})
    machine, said = machine_of(claim)
    values = machine["metadata"][part]
    assert values["note"] == "kept"
    assert values.get(key) != "mine"
    place = f"NodeClaim p-default/node-1: metadata.{part}[{key}]"
    message = f"is reserved for {whose}: the machine does not get it (reserved-metadata)"
    assert f"warning: {place}: {message}" in said.splitlines()


def test_notes_of_kustomize_and_kpt_on_an_input_are_nobodys_news() -> None:
    notes = dict.fromkeys(
        (
            "config.kubernetes.io/local-config",
            "config.kubernetes.io/origin",
            "alpha.config.kubernetes.io/transformations",
            "internal.kpt.dev/upstream-identifier",
        ),
        "true",
    )
    machine, said = machine_of(with_metadata(annotations=notes))
    assert machine == machine_of(CLAIM)[0]
    assert "reserved" not in said


def test_of_a_claim_that_the_platform_runs_its_marks_are_not_told() -> None:
    marks = {"kubevirt.vcluster.com/vm-ref": "machines/node-1", "loft.sh/project": "a"}
    claim = with_metadata(annotations=marks)
    said = refusal(function(resource_list(PROVIDER, claim, SECRET, config=CONFIG)))
    assert "shows that the Platform runs this claim's machine" in said
    assert "reserved-metadata" not in said
    config = changed(CONFIG, "spec.liveClaims", "Render")
    machine, said = machine_of(claim, config=config)
    assert not marks.keys() & machine["metadata"]["annotations"].keys()
    assert said.count("reserved-metadata") == 1


def test_one_warning_for_all_claims_which_can_be_accepted() -> None:
    claims = [
        changed(with_metadata(annotations={LAST_APPLIED: "{}"}), "metadata.name", f"node-{number}")
        for number in (1, 2, 3)
    ]
    lines = function(resource_list(PROVIDER, *claims, SECRET, config=CONFIG)).stderr
    assert lines.count("reserved-metadata") == 1
    assert "node-1: metadata.annotations" in lines
    assert "does not get it, here and on 2 more (reserved-metadata)" in lines
    config = changed(CONFIG, "spec.acceptWarnings", ["reserved-metadata"])
    reply = function(resource_list(PROVIDER, *claims, SECRET, config=config))
    assert "reserved" not in reply.stderr


def test_claims_that_differ_in_metadata_alone_share_everything_else() -> None:
    claims = [
        changed(with_metadata(annotations={"note": str(number)}), "metadata.name", f"node-{number}")
        for number in (1, 2)
    ]
    objects = by_name(function(resource_list(PROVIDER, *claims, SECRET, config=CONFIG)))
    notes = [
        objects["VirtualMachine", f"node-{number}"]["metadata"]["annotations"]["note"]
        for number in (1, 2)
    ]
    assert notes == ["1", "2"]


def test_a_domain_that_only_ends_like_the_platforms_is_the_users() -> None:
    labels = {"aloft.sh/a": "b", "myvcluster.com/a": "b"}
    machine, said = machine_of(with_metadata(labels=labels, annotations={"Example.com/A": "b"}))
    assert machine["metadata"]["labels"].items() >= labels.items()
    assert machine["metadata"]["annotations"]["Example.com/A"] == "b"
    assert "reserved" not in said


def test_what_is_taken_out_has_the_claim_or_the_config_as_its_cause(tmp_path: Path) -> None:
    pools = [{"name": "workers", "labels": {"team": "a"}}]
    for name, claim, config in (
        ("old", with_metadata(labels={"team": "a"}), changed(POOLED, POOLS, pools)),
        ("new", CLAIM, POOLED),
    ):
        (tmp_path / name).mkdir()
        for file, data in {"provider": PROVIDER, "claim": claim, "secret": SECRET, "config": config}.items():  # fmt: skip
            (tmp_path / name / f"{file}.yaml").write_text(json.dumps(data, indent=1))
    done = krmfn("render", "old", "-o", "out", "--allow-plaintext-token", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = krmfn("plan", "new", "--against", "out", "-o", "json", cwd=tmp_path)
    changes = json.loads(done.stdout)["changes"]
    causes = {one["name"]: one["fields"][0]["cause"] for one in changes}
    assert causes["node-1"] == "new/claim.yaml: NodeClaim p-default/node-1"
    assert (
        causes["tenant-1-workers-0"]
        == "new/config.yaml: KubeVirtNodes nodes: spec.virtualClusters[0]"
    )


WRONG: list[tuple[str, Any, str]] = [
    ("metadata.labels", {"team": 1}, "metadata.labels.team: is 1; must be text in quotes"),
    ("metadata.labels", {"a b": "c"}, "must be [prefix/]name"),
    ("metadata.labels", {"a": "b c"}, "must be at most 63"),
    ("metadata.annotations", ["a"], "metadata.annotations: is a list; must be a mapping"),
    ("metadata.annotations", {"a": "b" * 300_000}, "are larger than 256 KiB"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_metadata_that_no_api_server_takes(path: str, value: Any, message: str) -> None:
    claim = changed(CLAIM, path, value)
    said = refusal(function(resource_list(PROVIDER, claim, SECRET, config=CONFIG)))
    assert message in said


def test_a_pool_of_the_config_has_metadata_of_its_own() -> None:
    pools = [
        {"name": "workers", "annotations": PRUNE, "labels": {"team": "a", "krmfn.dev/pool": "b"}}
    ]
    reply = function(resource_list(PROVIDER, SECRET, config=changed(POOLED, POOLS, pools)))
    objects = by_name(reply)
    for name, has in (("workers-0", True), ("workers-1", True), ("gpu-0", False)):
        metadata = objects["VirtualMachine", f"tenant-1-{name}"]["metadata"]
        assert (metadata["annotations"].items() >= PRUNE.items()) is has
        assert ("team" in metadata["labels"]) is has
        assert metadata["labels"]["krmfn.dev/pool"] == name[:-2]
    assert "team" not in json.dumps(objects["VirtualMachine", "tenant-1-workers-0"]["spec"])
    secret = objects["Secret", "tenant-1-workers-cloud-init"]["metadata"]
    assert "team" not in secret["labels"]
    place = "spec.virtualClusters[0].pools[0].labels[krmfn.dev/pool]: is reserved for krmfn"
    assert reply.stderr.count(place) == 1


def test_a_pool_that_there_is_not() -> None:
    pools = [{"name": "worker", "annotations": PRUNE}]
    said = refusal(function(resource_list(PROVIDER, SECRET, config=changed(POOLED, POOLS, pools))))
    assert 'pools[0].name: is "worker"; the static pools of tenant-1 are gpu, workers' in said
    assert '(did you mean "workers"?)' in said
    config = changed(POOLED, POOLS, [{"name": "gpu"}, {"name": "gpu"}])
    said = refusal(function(resource_list(PROVIDER, SECRET, config=config)))
    assert 'pools[1].name: is "gpu" a second time; put the two together' in said


def test_pools_of_a_virtual_cluster_without_any() -> None:
    config = changed(CONFIG, POOLS, [{"name": "workers", "annotations": PRUNE}])
    said = refusal(function(resource_list(PROVIDER, CLAIM, SECRET, config=config)))
    assert "pools: names pools, but there is no vcluster.yaml of tenant-1" in said
    # Without a claim as well there is one error, which is about that.
    said = refusal(function(resource_list(PROVIDER, SECRET, config=config)))
    assert "names pools" not in said
    assert "virtual cluster tenant-1 has no claim" in said


def test_a_flat_config_has_no_pools_and_its_claims_have_their_metadata() -> None:
    machine, _ = machine_of(with_metadata(annotations=PRUNE), config=FLAT)
    assert machine["metadata"]["annotations"].items() >= PRUNE.items()


def test_explain_and_plan_name_the_place(tmp_path: Path) -> None:
    claim = with_metadata(annotations=PRUNE)
    pools = [{"name": "workers", "annotations": PRUNE}]
    for name, data in {
        "provider": PROVIDER,
        "claim": claim,
        "secret": SECRET,
        "config": changed(POOLED, POOLS, pools),
    }.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps(data, indent=1))
    key = "metadata.annotations[argocd.argoproj.io/sync-options]"
    found = {}
    for name in ("node-1", "tenant-1-workers-0"):
        done = krmfn("explain", name, key, cwd=tmp_path)
        found[name] = done.stdout + done.stderr
    assert "claim.yaml" in found["node-1"], found
    assert "config.yaml" in found["tenant-1-workers-0"], found
