"""Whether tools of MCP servers can be there is asked at each tool's call: it costs the same, however much is loaded."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from spancast.capture.mcp import clients_loaded


class Loaded(dict[str, Any]):
    """A table of modules that must be asked for names, and not be walked through: an agent has loaded thousands."""

    def __iter__(self) -> Any:
        raise AssertionError("walked through")

    keys = values = items = __iter__


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), False), (("langchain_mcp_adapters.tools",), True), (("mcp", "llama_index.tools.mcp.base"), True)],
)
def test_modules_are_looked_up_by_name(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], expected: bool) -> None:
    monkeypatch.setattr(sys, "modules", Loaded(dict.fromkeys(names)))
    found = clients_loaded()
    monkeypatch.undo()
    assert found is expected
