"""How arrays of numpy and tables of pandas are copied: a small array whole, of a table its first rows and columns.

Neither package is imported for it. Of a table only pandas' own classes are read, by their public methods: a subclass may
have changed those. A reading takes up to half a millisecond, whatever the table's size, so that one snapshot has few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .marks import MARK_KEY, mark

Read = Callable[[Any, Any], object]  # the value, and the Copier of the snapshot

_ITEMS = 64  # of an array
_ROWS = 10
_COLUMNS = 20
_COST = 4_000  # units of the snapshot's budget for reading a table: two of them in one snapshot
_INDEX_COST = 500  # the same for the names of its rows
_PANDAS = ("pandas", "pandas.core.frame", "pandas.core.series")  # since version 3, and before


def array_reader(module: str, name: str, namespace: Any) -> Read | None:
    """Return what copies numpy's arrays, where the base class of that module, name and namespace is theirs."""
    if module != "numpy" or name != "ndarray":
        return None
    shape_of, size_of, listed = namespace["shape"].__get__, namespace["size"].__get__, namespace["tolist"]

    def read(value: Any, copier: Any) -> object:
        size = size_of(value)
        if size > _ITEMS or size > copier.budget:
            return f"<ndarray {shape_of(value)}>"
        return copier.capture(listed(value))

    return read


def table_reader(module: str, name: str) -> Read | None:
    """Return what copies instances of pandas' class of that module and name; None for other classes."""
    if type(module) is not str:  # a class whose `__module__` is something else
        return None
    if module in _PANDAS:
        if name == "DataFrame":
            return _frame
        if name == "Series":
            return _series
    if module.partition(".")[0] != "pandas":
        return None
    if name in ("NaTType", "NAType"):
        return lambda value, copier: None  # what is missing: NaT is an instance of datetime
    if name in ("Period", "Interval"):
        return lambda value, copier: copier.text(str(value))
    return _index if name in _INDEXES else None


_INDEXES = ("Index", "DatetimeIndex", "PeriodIndex", "CategoricalIndex", "Categorical")


def _index(value: Any, copier: Any) -> object:
    """Copy the names of a table's rows or columns."""
    if copier.budget < 2 * _INDEX_COST:
        copier.left_out += 1
        return f"<{type(value).__name__} ({len(value)},)>"
    copier.budget -= _INDEX_COST
    return copier.first_of(value[:_ROWS].tolist(), len(value))


def _labels(index: Any) -> list[object]:
    """Return the names of rows: periods and intervals, which no mapping has as keys, as they are written."""
    return [str(label) if type(label).__name__ in ("Period", "Interval") else label for label in index.tolist()]


def _frame(value: Any, copier: Any) -> object:
    rows, columns = value.shape
    if copier.budget < 2 * _COST:
        copier.left_out += 1
        return f"<DataFrame ({rows}, {columns})>"
    copier.budget -= _COST
    head = value.iloc[:_ROWS].iloc[:, :_COLUMNS]
    names = head.columns.tolist()
    if not head.columns.is_unique:
        names = [f"{name} ({place})" for place, name in enumerate(names, 1)]
    records = [dict(zip(names, row, strict=False)) for row in head.to_numpy(dtype=object).tolist()]
    if type(value.index).__name__ != "RangeIndex":
        label = value.index.name
        label = "index" if label is None else label
        records = [{label: key, **record} for key, record in zip(_labels(head.index), records, strict=False)]
    if columns > _COLUMNS:
        copier.left_out += 1
        records = [{**record, MARK_KEY: mark(columns - _COLUMNS)} for record in records]
    return copier.first_of(records, rows) if records else {"columns": copier.capture(names)}


def _series(value: Any, copier: Any) -> object:
    count = value.shape[0]
    if copier.budget < 2 * _COST:
        copier.left_out += 1
        return f"<Series ({count},)>"
    copier.budget -= _COST
    head = value.iloc[:_ROWS]
    values = head.tolist()
    if type(value.index).__name__ == "RangeIndex" or not head.index.is_unique:
        return copier.first_of(values, count)
    labelled = dict(zip(_labels(head.index), values, strict=False))
    if count > _ROWS:
        copier.left_out += 1
        labelled[MARK_KEY] = mark(count - _ROWS)
    return copier.mapping(labelled)
