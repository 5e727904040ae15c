"""vCluster's own decoding and validation (v0.30.0) refuse `autoNodes` exactly if krmfn does."""

import json
from typing import Any

from tests.nodes.test_vcluster import GOOD, POOLS, STRICTER, listed, pool, problems_of
from tests.support import oracle

ENTRIES: list[Any] = [
    [{"provider": "edge", "static": [GOOD]}],
    [{"provider": "edge", "static": [GOOD, pool(name="other")]}],
    [{"provider": "edge", "static": [GOOD, GOOD]}],
    [{"provider": "edge", "static": [GOOD], "dynamic": [{"name": "workers"}]}],
    [{"provider": "edge", "static": [GOOD], "dynamic": [{"name": "burst"}]}],
    [{"provider": "edge", "dynamic": [{"name": "burst"}, {"name": "burst"}]}],
    [{"provider": "edge", "dynamic": [{}]}],
    [{"provider": "edge", "static": [GOOD]}, {"provider": "other", "static": [GOOD]}],
    [{"provider": "edge", "static": [GOOD]}, {"provider": "other", "static": [pool(name="other")]}],
    [{"provider": "edge", "static": [GOOD]}, {"provider": "edge"}],
    [{"static": [GOOD]}],
    [{"provider": "", "static": [GOOD]}],
    [{"provider": "edge", "static": {}}],
    [{"provider": "edge", "static": None}],
    [{"provider": "edge", "unknown": []}],
    [{"provider": "edge", "properties": {"a": "b"}, "static": [GOOD]}],
    [{"provider": "edge", "properties": [], "static": [GOOD]}],
    [{"provider": "edge", "properties": {"a": 5, "b": True}, "static": [GOOD]}],
    [],
    None,
    ["edge"],
    "edge",
]


def test_the_list_form() -> None:
    values = [listed([{"provider": "edge", "static": [one]}]) for one in POOLS] + [
        listed(entries) for entries in ENTRIES
    ]
    assert len(values) > 60
    disagreed = []
    for value, answer in zip(
        values, oracle("vcluster", [json.dumps(value) for value in values]), strict=True
    ):
        problems = problems_of(value)
        if bool(problems) != bool(answer["error"]):
            disagreed.append((value["privateNodes"]["autoNodes"], problems, answer["error"]))
    assert not disagreed, "\n".join(map(str, disagreed))


def test_vcluster_itself_lets_those_through() -> None:
    values = [listed([{"provider": "edge", "static": [one]}]) for one, _ in STRICTER]
    assert [
        answer["error"] for answer in oracle("vcluster", [json.dumps(value) for value in values])
    ] == [""] * len(STRICTER)
