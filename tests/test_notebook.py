"""`spancast.show()` in a script, in a shell, and without the package that draws the tree."""

from __future__ import annotations

import sys

import pytest

import spancast
from spancast import destinations


def show() -> object:
    """Record a trace in memory, and show it."""
    with spancast.Pipeline(destinations.memory()):
        with spancast.trace(trace_name="Ask"):
            pass
        return spancast.show()


def test_a_script_that_shows_a_trace_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What it returns is shown by nobody there."""
    shown = show()
    assert f"{shown}\n" == capsys.readouterr().out
    assert "CHAIN Ask" in str(shown)


def test_a_shell_shows_it_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's own shell and IPython print or draw what an expression returns."""
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert "CHAIN Ask" in repr(show())
    assert "" == capsys.readouterr().out


def test_what_draws_the_tree_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence with the fix, no traceback."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    show()
    assert 'pip install "spancast[cli]"' in capsys.readouterr().out
