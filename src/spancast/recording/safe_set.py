"""Setting a context variable where a finalizer may set one in the middle of it: Python 3.11 would use freed memory.

Up to 3.11 a collection may run inside of `ContextVar.set`, while it reads the context's old table. A finalizer that sets a
variable of the same context, as one that ends a span does, frees that table under it. A copy of the context, which takes
no time, keeps the table. From 3.12 on collections run between two instructions only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

KEEPS_TABLE = sys.version_info < (3, 12)
"""Whether a copy of the context must be kept while a variable is set; see `set_safely`."""


def safe_set(set_variable: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *set_variable*, the `set` of a variable, or what does the same and keeps the context's table meanwhile."""
    if not KEEPS_TABLE:
        return set_variable

    def set_safely(value: Any) -> Any:
        kept = copy_context()
        token = set_variable(value)
        del kept
        return token

    return set_safely
