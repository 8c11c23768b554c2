"""The dashboard of metrics asks for what spancast counts, under the names that Prometheus gives it."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from spancast.metrics import instruments
from spancast.metrics.instruments import Instrument
from spancast.metrics.measuring import ATTRIBUTES

FOLDER = Path(__file__).parents[2] / "integrations" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "spancast-metrics.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
LABELS = {name.replace(".", "_") for names in ATTRIBUTES.values() for name in names}
LABELS |= {"service_name", "le", "gen_ai_token_type"}


def prometheus_names() -> set[str]:
    """Return the series that Prometheus makes of the deployed instruments (OpenTelemetry's compatibility document)."""
    found = set()
    for each in vars(instruments).values():
        if isinstance(each, Instrument):
            name = each.name.replace(".", "_") + ("_seconds" if each.unit == "s" else "")
            found |= {f"{name}_{part}" for part in ("count", "sum", "bucket")} if each.buckets else {f"{name}_total"}
    return found


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_query_asks_for_series_and_labels_that_exist(panel: dict[str, Any]) -> None:
    """Each is one of an instrument; grouped and filtered by attributes that it has."""
    (target,) = panel["targets"]
    expression = target["expr"]
    asked = set(re.findall(r"\b(?:gen_ai|spancast)_\w+(?=\{)", expression))
    assert asked
    assert asked <= prometheus_names()
    labels = set(re.findall(r"(\w+)\s*(?:=~|!=|=)\s*\"", expression))
    for group in re.findall(r"by \(([^)]*)\)", expression):
        labels |= {name.strip() for name in group.split(",")}
    labels |= set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert labels <= LABELS
    assert expression.count("(") == expression.count(")")
    assert {"type": "prometheus", "uid": "${datasource}"} == panel["datasource"] == target["datasource"]
    assert panel["description"].strip()


def test_all_panels_fit_the_grid_without_overlap() -> None:
    """24 columns; no two panels share a cell, and none is left empty."""
    cells: dict[tuple[int, int], int] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x, y in itertools.product(range(place["w"]), range(place["h"])):
            assert panel["id"] == cells.setdefault((place["x"] + x, place["y"] + y), panel["id"])
    assert 24 * (max(y for _, y in cells) + 1) == len(cells)


def test_the_page_explains_the_variables() -> None:
    """Each has a row."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for variable in DASHBOARD["templating"]["list"]:
        assert f"| {variable['label']} |" in page
