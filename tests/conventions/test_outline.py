"""What both conventions write alike: the user's own keys become names of attributes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spancast.conventions.outline import Names, flat, say_all

_PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=6), _PLAIN, max_size=6))
def test_values_are_written_as_one_by_one(values: dict[str, Any]) -> None:
    """Scalars take a shorter way than the rest, and end up as the same attributes."""
    written: dict[str, Any] = {}
    say_all(written, Names("p."), values)
    assert {f"p.{key}": value for key, value in flat(values).items()} == written
    assert list(map(type, flat(values).values())) == list(map(type, written.values()))


def test_names_are_bounded() -> None:
    """A process whose keys are new in each trace does not remember all of them."""
    names = Names("p.")
    for number in range(10_000):
        assert f"p.{number}" == names[str(number)]
    assert len(names) <= 4096
