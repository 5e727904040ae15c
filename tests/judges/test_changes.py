"""KubeVirt's own webhooks and controller do to a running machine what krmfn's verdicts say."""

import itertools
import random
from typing import Any

from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.verdicts import Strategy
from krmfn.kubevirt.vm_paths import DATA_VOLUMES
from tests.kubevirt.test_changes import POD, STRATEGIES, TABLE, D, Fields, verdicts, with_
from tests.support import oracle

# The judge's cluster: its gates are those that are on by default.
NEWEST = Cluster("1.9", frozenset())
# What krmfn tells of a machine, as far as the first moment after the change shows it.
Seen = dict[str, bool]


def told(changes: list[Change]) -> Seen:
    """By krmfn."""
    found = {change.verdict for change in changes}
    inside = [
        change
        for change in changes
        if change.path[0] == "spec" and change.path != ("spec", "updateVolumesStrategy")
    ]
    return {
        "rejected": "rejected" in found,
        "stop": "stop" in found,
        "start": "start" in found,
        "restart": "restart" in found,
        "instance": any(
            change.verdict in ("pending", "live") and change.path[:2] == ("spec", "template")
            for change in inside
        ),
        "disk": any(
            change.verdict == "live" and change.path[:2] == DATA_VOLUMES for change in inside
        ),
    }


def done(answer: dict[str, Any]) -> Seen:
    """By KubeVirt: its webhooks and its controller."""
    assert "error" not in answer, answer
    return {
        "rejected": bool(answer["rejected"]),
        "stop": "delete virtualmachineinstances" in answer["actions"],
        "start": "create virtualmachineinstances" in answer["actions"],
        "restart": bool(answer["restart"]),
        "instance": bool(answer["patched"]),
        "disk": "create datavolumes" in answer["actions"],
    }


def disagreements(cases: list[tuple[Fields, Fields, Strategy]]) -> list[tuple[Any, ...]]:
    pairs = [(with_(*base), with_(*base, *change)) for base, change, _ in cases]
    questions = [
        {"strategy": case[2], "old": old, "new": new}
        for case, (old, new) in zip(cases, pairs, strict=True)
    ]
    wrong = []
    for (base, change, strategy), (old, new), answer in zip(
        cases, pairs, oracle("change", questions), strict=True
    ):
        ours, theirs = told(verdicts(old, new, strategy, NEWEST)), done(answer)
        if ours["rejected"] or ours["stop"] or ours["start"]:
            # Nothing else is to be seen of it then.
            ours = {
                key: value if key in ("rejected", "stop", "start") else theirs[key]
                for key, value in ours.items()
            }
        if base == POD and change == [(f"{D}.cpu.sockets", 4)] and strategy == "LiveUpdate":
            # KubeVirt notes it in an instance that can never migrate: nothing comes of it before the next start.
            theirs["instance"] = False
        if ours != theirs:
            wrong.append(
                (
                    base,
                    change,
                    strategy,
                    {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]},
                    answer,
                )
            )
    return wrong


def test_krmfn_and_kubevirt_agree_on_every_row() -> None:
    assert (
        disagreements(
            [(base, change, strategy) for base, change, *_ in TABLE for strategy in STRATEGIES]
        )
        == []
    )


def test_krmfn_and_kubevirt_agree_on_changes_that_come_together() -> None:
    """What holds back what: two changes of other fields in one commit."""
    single = [
        change
        for base, change, *verdict in TABLE
        if base == [] and change and "rejected" not in verdict
    ]
    pairs = [
        (one, other) for one, other in itertools.combinations(single, 2) if not touching(one, other)
    ]
    chosen = random.Random(7).sample(pairs, 150)
    assert (
        disagreements(
            [([], [*one, *other], STRATEGIES[i % 4 == 3]) for i, (one, other) in enumerate(chosen)]
        )
        == []
    )


def touching(one: Fields, other: Fields) -> bool:
    """Whether one change undoes a part of the other."""
    paths = [[f"{path}." for path, _ in change] for change in (one, other)]
    return any(a.startswith(b) or b.startswith(a) for a in paths[0] for b in paths[1])
