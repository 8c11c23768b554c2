"""Where the real receivers are that `scripts/receivers` gets, and the mark of a test that needs some of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def folder(name: str) -> Path:
    """Return the cache folder of a receiver, whether it is there or not."""
    if named := os.environ.get("SPANCAST_RECEIVERS"):
        return Path(named) / name
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "spancast" / "receivers" / name


def version(name: str) -> str | None:
    """Return the version of a receiver that is there, else None."""
    stamp = folder(name) / "complete"
    return stamp.read_text().split()[0] if stamp.is_file() else None


def needs(*names: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests that run these receivers: `receivers`, and a skip where one is absent."""
    absent = [name for name in names if version(name) is None]
    reason = f"not there: get it with `scripts/receivers {' '.join(absent)}`"
    return [pytest.mark.receivers, pytest.mark.slow, pytest.mark.skipif(bool(absent), reason=reason)]
