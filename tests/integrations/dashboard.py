"""The Grafana dashboard's panels, and what their queries name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "integrations" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "spancast.json").read_text())
VARIABLES: Mapping[str, dict[str, Any]] = {each["name"]: each for each in DASHBOARD["templating"]["list"]}


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        held: It as it stands in the file.
        query: Its TraceQL, with the variables' own values put in.
    """

    held: dict[str, Any]
    query: str

    @property
    def id(self) -> str:
        """Number and title."""
        return f"{self.held['id']} {self.held['title']}"

    @property
    def names(self) -> list[str]:
        """Every attribute that the query names, with `span.` or `resource.`."""
        return re.findall(r"\b(?:span|resource)\.[\w.]+\w", re.sub(r'"[^"]*"', "", self.query))

    @property
    def function(self) -> str:
        """The function over time; empty for a table of spans."""
        return self._after(r"\| (\w+_over_time)\(")

    @property
    def measured(self) -> str | None:
        """What the function is about; None where it counts."""
        return self._after(r"_over_time\(([\w.]+)") or None

    @property
    def grouped(self) -> list[str]:
        """By what it is grouped."""
        return [each for each in self._after(r" by \((.*?)\)").split(", ") if each]

    @property
    def selected(self) -> list[str]:
        """The columns of a table."""
        return [each for each in self._after(r"\| select\((.*?)\)").split(", ") if each]

    def _after(self, pattern: str) -> str:
        found = re.search(pattern, self.query)
        return found[1] if found else ""


def _panel(held: dict[str, Any]) -> Panel:
    (target,) = held["targets"]
    return Panel(held, re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]]["current"]["value"], target["query"]))


PANELS = [_panel(held) for held in DASHBOARD["panels"] if held["type"] != "row"]
IDS = [panel.id for panel in PANELS]
