"""Items pass through byte for byte, and an annotation changes one line of one item at most."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.manifests.annotate import annotated
from krmfn.manifests.item import LOCAL_CONFIG
from krmfn.manifests.resource_list import read_resource_list

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"


@pytest.mark.parametrize(
    "items",
    [
        "items:\n- a: 1 # one\n  b: {yes: on}\n# between\n- c: 1e3\n",
        "items:\n# head\n- # first\n  a: 1\n-\n  b: '2'\n  # tail\n",
        "items:\n  - a: |\n      text\n\n  -   b: x\n      c: y\n",
        "items:\n- &a {a: *a}\n".replace("*a", "b"),
        "items:\n- a: &x 1\n  b: *x\n- {c: 'd',\n   e: f}\n- ? k\n  : v\n",
    ],
)
def test_items_come_out_byte_for_byte(items: str) -> None:
    resources, problems = read_resource_list((HEAD + items).encode())
    assert not problems
    assert resources.to_yaml() == HEAD + items


def test_json_in_json_items_out() -> None:
    source = '{"kind": "ResourceList", "apiVersion": "config.kubernetes.io/v1", "items": [{"kind":"A"},  {"kind": "B"}], "functionConfig": {"a": 1}}'
    resources, problems = read_resource_list(source.encode())
    assert not problems
    assert (
        resources.to_yaml()
        == HEAD + 'items:\n- {"kind":"A"}\n- {"kind": "B"}\nfunctionConfig: {"a": 1}\n'
    )


@pytest.mark.parametrize("items", ["", "items:\n", "items: []\n", "items: ~\n"])
def test_no_items(items: str) -> None:
    assert read_resource_list((HEAD + items).encode())[0].to_yaml() == HEAD + "items: []\n"


MARK = 'config.kubernetes.io/local-config: "true"'
FLOW_MARK = '"config.kubernetes.io/local-config": "true"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("metadata:\n  name: a\n", "metadata:\n  annotations: {" + MARK + "}\n  name: a\n"),
        ("metadata: {name: a}\n", 'metadata: {"annotations": {' + FLOW_MARK + "}, name: a}\n"),
        (
            "metadata:\n  annotations:\n    b: c # d\n",
            "metadata:\n  annotations:\n    " + MARK + "\n    b: c # d\n",
        ),
        (
            "metadata:\n  annotations:\n    # b's\n    b: c\n",
            "metadata:\n  annotations:\n    " + MARK + "\n    # b's\n    b: c\n",
        ),
        ("metadata:\n  annotations: {}\n", "metadata:\n  annotations: {" + FLOW_MARK + "}\n"),
        (
            "metadata:\n  annotations: {b: c}\n",
            "metadata:\n  annotations: {" + FLOW_MARK + ", b: c}\n",
        ),
        (
            "metadata:\n  annotations:\n  name: a\n",
            "metadata:\n  annotations: {" + FLOW_MARK + "}\n  name: a\n",
        ),
        (
            "metadata:\n  name: a\n  annotations: null # none\n",
            "metadata:\n  name: a\n  annotations: {" + FLOW_MARK + "} # none\n",
        ),
        (
            "metadata:\n  name: a\n  'annotations': # c\n",
            "metadata:\n  name: a\n  'annotations': {" + FLOW_MARK + "} # c\n",
        ),
    ],
)
def test_the_mark_is_one_line_and_nothing_else(before: str, after: str) -> None:
    for lead in ("", "  "):
        text = (
            HEAD
            + "items:\n"
            + "".join(
                f"{lead}{'- ' if index == 0 else '  '}{line}\n"
                for index, line in enumerate(before.splitlines())
            )
        )
        resources, problems = read_resource_list(text.encode())
        assert not problems
        marked = annotated(resources.items[0], LOCAL_CONFIG, "true")
        assert marked is not None
        assert marked == "".join(
            f"{lead}{'- ' if index == 0 else '  '}{line}\n"
            for index, line in enumerate(after.splitlines())
        )
        assert yaml.safe_load(marked)[0]["metadata"]["annotations"][LOCAL_CONFIG] == "true"
        assert len(marked.splitlines()) - len(resources.items[0].text.splitlines()) in (0, 1)


@pytest.mark.parametrize(
    "item",
    [
        "a: &x {b: c}\n  metadata:\n    annotations: *x",
        "a: &x {name: b}\n  metadata: *x",
        "a: &x {annotations: {b: c}}\n  metadata:\n    <<: *x\n    name: a",
        "metadata:\n    annotations: &x {b: c}\n    labels: *x",
        "metadata:\n    labels: &x {b: c}\n    annotations: *x",
        "metadata:\n    annotations: &x\n      b: c\n    labels: *x",
        "metadata: &x {name: a}",
        "metadata: &x\n    name: a",
        "metadata: !!map {name: a}",
        "metadata:\n    annotations: []",
        'metadata:\n    annotations: ""',
        "metadata:\n    annotations: !!null",
        "metadata:\n    annotations: !!map\n      b: c",
        "metadata:\n    annotations: !!map {b: c}",
        "metadata: {name: x, annotations: null}",
        "metadata:\n    ? name\n    : a",
        "metadata:\n    annotations:\n      ? a\n      : b",
    ],
)
def test_what_can_not_be_marked_by_one_insertion_is_refused(item: str) -> None:
    resources, problems = read_resource_list(f"{HEAD}items:\n- {item}\n".encode())
    assert not problems
    assert annotated(resources.items[0], LOCAL_CONFIG, "true") is None


def test_the_mark_is_not_fooled_by_text_that_looks_like_annotations() -> None:
    before = "status: |\n    annotations: hello\n  other: {annotations: }\n  metadata:\n    name: a\n    annotations: ~\n"
    resources, problems = read_resource_list(f"{HEAD}items:\n- {before}".encode())
    assert not problems
    marked = annotated(resources.items[0], LOCAL_CONFIG, "true")
    assert marked == f"- {before}".replace("annotations: ~", "annotations: {" + FLOW_MARK + "}")


@pytest.mark.parametrize("lead", ["&a !!seq", "!!seq", "&a", "# c"])
def test_anchors_and_tags_of_the_list_and_the_config(lead: str) -> None:
    config = "functionConfig: " + lead.replace("seq", "map") + "\n  a: b\n"
    resources, problems = read_resource_list(
        f"{HEAD}items: {lead}\n- {{a: b}}\n- c: d\n{config}".encode()
    )
    assert not problems
    assert resources.to_yaml() == HEAD + "items:\n- {a: b}\n- c: d\nfunctionConfig:\n  a: b\n"


names = st.text("abcdefghij-_./:#é \t\"'", min_size=1, max_size=8)
scalars = (
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029"),
        max_size=20,
    )
    | st.integers()
    | st.booleans()
    | st.none()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.dictionaries(names, anything, min_size=1, max_size=4), min_size=1, max_size=4),
    st.booleans(),
    st.integers(1, 9),
)
def test_any_foreign_item_passes_untouched(
    items: list[dict[str, Any]], flow: bool, indent: int
) -> None:
    body = yaml.safe_dump(
        {"items": items},
        allow_unicode=True,
        default_flow_style=flow,
        indent=indent,
        sort_keys=False,
    )
    whole = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": items}
    source = (
        yaml.safe_dump(whole, allow_unicode=True, default_flow_style=True) if flow else HEAD + body
    )
    resources, problems = read_resource_list(source.encode())
    assert not problems, problems
    again, problems = read_resource_list(resources.to_yaml().encode())
    assert not problems
    assert [item.data for item in again.items] == [item.data for item in resources.items]
    if not flow:
        assert resources.to_yaml() == source
