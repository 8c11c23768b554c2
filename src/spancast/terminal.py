"""Text for streams that may be narrow, no terminal at all, or unable to show every character."""

from __future__ import annotations

import codecs
import os
import sys

from rich.console import Console

PIPE_WIDTH = 120  # characters, where the output is no terminal and COLUMNS is not set
_PLAINER = {
    "│": "|",
    "├": "|",
    "└": "`",
    "─": "-",
    "→": ">",
    "←": "<",
    "↑": "^",
    "·": "-",
    "…": "~",
    "✓": "+",
    "✗": "x",
    "–": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}


def console(*, stderr: bool = False) -> Console:
    """Return a console that writes to standard output, or to standard error."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return Console(highlight=False, stderr=stderr, width=width)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the characters that an encoding does not have: of the same width, so that columns stay."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAINER.get(char, "?") for char in error.object[error.start : error.end]), error.end


def accept_every_encoding() -> None:
    """Let standard output and standard error write plainer characters instead of failing (cp1252, ascii)."""
    codecs.register_error("spancast-plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stream that someone put there may not have it
        if reconfigure is not None and stream.errors in ("strict", "surrogateescape"):
            reconfigure(errors="spancast-plainer")


def printable(text: str) -> str:
    """Return *text* without what a terminal would obey; line breaks and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


_LINE = 60  # characters that a list of commands leaves for each, in a terminal of 80 columns


def summary(description: str) -> str:
    """Return the first clause of *description*, where its first sentence is longer than a list of commands can show."""
    sentence = " ".join(description.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    if len(sentence) > _LINE:
        sentence = sentence.partition(": " if ": " in sentence else ", ")[0]
    return f"{sentence}."
