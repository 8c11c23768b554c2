"""Values are found at the paths that exist, in the order of the paths, whatever else is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.capture.lookup import fields_of, first_text, values_at

PATHS = ("b", "a.x", "c.y.z", "a.w", "", "d")
leaves = st.one_of(st.none(), st.integers(0, 3), st.text("xy", max_size=2))
fields = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e", "x"]),
    st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("wxyz"), inner, max_size=3), max_leaves=6),
)


def reference(value: Any, paths: tuple[str, ...]) -> list[Any]:
    found = []
    for path in paths:
        reached = value
        for name in path.split(".") if path else ():
            reached = fields_of(reached).get(name) if reached is not None else None
        if reached is not None:
            found.append(reached)
    return found


@given(fields)
def test_values_stand_in_the_order_of_the_paths(value: dict[str, Any]) -> None:
    assert reference(value, PATHS) == values_at(value, PATHS)
    assert reference(value, PATHS[:4]) == values_at(value, PATHS[:4])


@pytest.mark.parametrize("others", [0, 10, 1000])
def test_it_does_not_matter_how_many_other_names_there_are(others: int) -> None:
    value = {**{f"n{index}": index for index in range(others)}, "a": {"x": 1, "w": 2}, "d": "text"}
    assert [1, 2, value, "text"] == values_at(value, PATHS)
    assert "text" == first_text(value, ("b", "d"))
