"""A Secret's data holds its two texts as one, however they are encoded."""

import base64

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from krmfn.nodes.secret_data import secret_data

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(own=TEXTS, shared=TEXTS, column=st.none() | st.integers(0, 4))
@example(own="a", shared="éé", column=None)
@example(own="a", shared="b", column=None)
def test_base64_is_that_of_the_whole(own: str, shared: str, column: int | None) -> None:
    lines = "".join(secret_data({"userdata": (own, shared)}, "data", column))
    value = yaml.safe_load(lines)["data"]["userdata"] or ""
    assert base64.b64decode(value, validate=True).decode() == own + shared
    assert base64.b64encode((own + shared).encode()).decode() == value


def test_text_is_one_block() -> None:
    lines = "".join(secret_data({"userdata": ("a\nb", "c\n\nd\n")}, "stringData", 0))
    assert yaml.safe_load(lines) == {"stringData": {"userdata": "a\nbc\n\nd\n"}}
