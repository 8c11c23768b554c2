"""Names of files for tests."""

from __future__ import annotations

import re

_MOST = 150  # characters


def file_name(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-_MOST:]
