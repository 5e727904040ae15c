"""A node type meets a requirement exactly if some value that it offers is allowed, for every pair of operators."""

from itertools import product

import pytest

from krmfn.kubernetes.requirements import OPERATORS, Allowed, offered, required

VALUES = [None, "a", "b", "c", "1", "2", "3", "5", "-7", "x1"]
ARGUMENTS: dict[str, list[list[str]]] = {
    "In": [["a"], ["a", "b"], ["1", "2"], ["a", "5"]],
    "NotIn": [["a"], ["a", "b"], ["2"], ["1", "2", "3"]],
    "Exists": [[]],
    "DoesNotExist": [[]],
    "Gt": [["1"], ["4"], ["-10"]],
    "Lt": [["1"], ["3"], ["100"]],
}
REQUIREMENTS = [(operator, values) for operator in OPERATORS for values in ARGUMENTS[operator]]


def holds(operator: str, values: list[str], value: str | None) -> bool:
    """What Kubernetes says of one label (core/v1 NodeSelectorRequirement), written out case by case."""
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    try:
        number = int(value or "")
    except ValueError:
        return False
    return number > int(values[0]) if operator == "Gt" else number < int(values[0])


@pytest.mark.parametrize(("operator", "values"), REQUIREMENTS)
def test_each_operator_holds_for_what_kubernetes_says(operator: str, values: list[str]) -> None:
    for value in VALUES:
        assert required(operator, values).holds(value) == holds(operator, values, value), value


@pytest.mark.parametrize(("first", "second"), list(product(REQUIREMENTS, REQUIREMENTS)))
def test_two_requirements_are_the_values_that_meet_both(
    first: tuple[str, list[str]], second: tuple[str, list[str]]
) -> None:
    both = required(*first) & required(*second)
    wanted = [
        value
        for value in [*VALUES, *map(str, range(-20, 120))]
        if holds(*first, value) and holds(*second, value)
    ]
    assert both == required(*second) & required(*first) or [
        both.holds(value) for value in VALUES
    ] == [(required(*second) & required(*first)).holds(value) for value in VALUES]
    for value in VALUES:
        assert both.holds(value) == (value in wanted), value
    # A set without a bound on one side has more values than any list of samples.
    assert bool(both) == bool(wanted) or (bool(both) and both.complement)


@pytest.mark.parametrize(("operator", "values"), REQUIREMENTS)
@pytest.mark.parametrize("value", [None, "a", "b", "c", "2", "a,b", "b, c", "1,5", "*"])
def test_what_a_node_type_offers_meets_it(
    operator: str, values: list[str], value: str | None
) -> None:
    single: list[str | None] = (
        [None]
        if value is None
        else VALUES[1:]
        if value == "*"
        else [part.strip() for part in value.split(",")]
    )
    assert bool(required(operator, values) & offered(value)) == any(
        holds(operator, values, one) for one in single
    )


@pytest.mark.parametrize(
    ("above", "below", "without", "left"),
    [
        (1, 3, (), True),
        (1, 2, (), False),
        (1, 3, ("2",), False),
        (1, 4, ("2",), True),
        (5, 1, (), False),
        (None, 3, ("1", "2"), True),
    ],
)
def test_bounds_with_holes(
    above: int | None, below: int | None, without: tuple[str, ...], left: bool
) -> None:
    assert bool(Allowed(frozenset({None, *without}), True, above, below)) == left


@pytest.mark.parametrize(
    ("operator", "values", "message"),
    [
        ("NotExists", [], "write DoesNotExist"),
        ("", ["a"], "must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt"),
        ("in", ["a"], "must be one of"),
        ("In", [], "is In, which needs a value"),
        ("NotIn", [], "is NotIn, which needs a value"),
        ("Exists", ["a"], "is Exists, which takes no value"),
        ("DoesNotExist", ["a"], "is DoesNotExist, which takes no value"),
        ("Gt", ["1", "2"], "is Gt, which needs one whole number"),
        ("Lt", ["1.5"], "is Lt, which needs one whole number"),
        ("Lt", ["٣"], "is Lt, which needs one whole number"),
    ],
)
def test_what_is_no_requirement(operator: str, values: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        required(operator, values)
