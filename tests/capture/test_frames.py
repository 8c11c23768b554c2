"""Arrays and tables: what is small is shown, of what is large the first rows, and a snapshot reads few of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from spancast.capture.snapshot import plain_data

FRAME = pd.DataFrame({"city": ["Rome", "Oslo"], "visits": [3, 5]})
RECORDS = [{"city": "Rome", "visits": 3}, {"city": "Oslo", "visits": 5}]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.arange(3), [0, 1, 2]),
        (np.array([[1.5], [2.5]]), [[1.5], [2.5]]),
        (np.array({"a": 1}, dtype=object), {"a": 1}),
        (np.zeros((400, 1536)), "<ndarray (400, 1536)>"),
        (FRAME, RECORDS),
        (FRAME.iloc[:0], {"columns": ["city", "visits"]}),
        (FRAME.set_index("city"), RECORDS),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), [{"a (1)": 1, "a (2)": 2}]),
        (FRAME["visits"], [3, 5]),
        (FRAME["city"].value_counts(), {"Rome": 1, "Oslo": 1}),
        (pd.Series([1, 2], index=["a", "a"]), [1, 2]),
        (pd.Series([pd.Timestamp("2026-01-02"), pd.NaT]), ["2026-01-02T00:00:00", None]),
        ([pd.NaT, pd.NA], [None, None]),
        ([pd.Period("2026-01"), pd.Interval(0, 1)], ["2026-01", "(0, 1]"]),
        (FRAME.columns, ["city", "visits"]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (FRAME.set_index(pd.PeriodIndex(["2026-01", "2026-02"], freq="M"))["visits"], {"2026-01": 3, "2026-02": 5}),
        (range(3), "range(0, 3)"),
    ],
)
def test_small_values_are_shown(value: object, shown: object) -> None:
    """A reader sees the rows that a tool returned, in the words of JSON; what is missing is null, and no date."""
    assert shown == plain_data(value)


def test_of_a_large_table_the_first_rows_and_columns_are_shown() -> None:
    """Marks say how much was left out."""
    shown: Any = plain_data(pd.DataFrame(np.ones((1000, 30))))
    assert [1.0] * 20 == [shown[0][str(column)] for column in range(20)]
    assert "[truncated: 10 more]" == shown[0]["[truncated]"]
    assert (11, "[truncated: 990 more]") == (len(shown), shown[-1])
    counts: Any = plain_data(pd.Series(range(50), index=[f"k{number}" for number in range(50)]))
    assert (9, "[truncated: 40 more]") == (counts["k9"], counts["[truncated]"])


def test_a_state_with_many_tables_shows_few_of_them() -> None:
    """Reading one costs a part of the budget: the others have their shape."""
    shown: Any = plain_data({f"table {number}": FRAME for number in range(50)})
    assert RECORDS in shown.values()
    assert "<DataFrame (2, 2)>" == shown["table 49"]


def test_a_class_of_its_own_is_not_read() -> None:
    """A subclass may have changed any method: its name stands there."""

    class Frame(pd.DataFrame):
        pass

    assert "<Frame>" == plain_data(Frame({"a": [1]}))
