"""A double of an API for each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from .double import Double, running


@pytest.fixture
def api() -> Iterator[Double]:
    """Run a double of a provider's API; the clients' connections are collected here, where their warnings are expected."""
    with running() as double:
        yield double
    gc.collect()
