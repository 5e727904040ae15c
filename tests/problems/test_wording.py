"""Messages list ten names, a thousand problems and no endless number, and then say how many are left out."""

import pytest

from krmfn.problems import show
from tests.support import CLAIM, PROVIDER, SECRET, changed, function, refusal, resource_list


@pytest.mark.parametrize(("count", "more"), [(9, ""), (10, ""), (11, " and 1 more")])
def test_ten_names_are_listed(count: int, more: str) -> None:
    names = [f"type-{number:02}" for number in range(count)]
    types = [{"name": name} for name in names]
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes", types)
    said = refusal(function(resource_list(provider, changed(CLAIM, "spec.typeRef", "q"), SECRET)))
    assert f'spec.typeRef: is "q"; the provider has {", ".join(names[:10])}{more}\n' in said


@pytest.mark.parametrize(("count", "more"), [(999, ""), (1000, ""), (1003, "and 3 problems more")])
def test_a_thousand_problems_are_shown(count: int, more: str) -> None:
    claims = [
        changed(changed(CLAIM, "metadata.name", f"node-{number}"), "spec.displayName", 1)
        for number in range(count)
    ]
    said = refusal(function(resource_list(PROVIDER, *claims, SECRET))).splitlines()
    errors = [line for line in said if line.startswith("error: NodeClaim")]
    assert len(errors) == min(count, 1000)
    assert [line for line in said if "problems more" in line] == [f"error: {more}"] * bool(more)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (10**39, str(10**39)),
        (-(10**39), str(-(10**39))),
        (10**40, "a number of over 40 digits"),
        (-(10**40), "a number of over 40 digits"),
    ],
)
def test_a_number_of_over_forty_digits_is_only_described(number: int, shown: str) -> None:
    assert show(number) == shown
