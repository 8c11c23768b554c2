"""Makes docstrings readable on the reference's pages: lists as lists, and no notes that readers do not have."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

# docstrings name sections of the notes they were written from; readers have the sources that stand behind them
_NOTES = re.compile(r"contracts(?: sections?)? \d[\d.]*(?:(?:,| and) \d[\d.]*)*(?:, (?=[A-Z])|; (?=[a-z]))?")
_LIST = re.compile(r"^(?! *\* |\s*$)(.*)\n(?= *\* )", re.MULTILINE)


def without_notes(text: str) -> str:
    """Return *text* without references to notes that readers do not have."""
    return re.sub(r" \(\)", "", _NOTES.sub("", text))


def readable(text: str) -> str:
    """Return a docstring as Markdown that every reader of Markdown understands."""
    return _LIST.sub(lambda found: found[0] if found[1].startswith("  ") else f"{found[1]}\n\n", without_notes(text))


class Readable(Extension):
    """Changes docstrings when the reference reads them."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        """Make the docstring of *obj* readable."""
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value)
