"""The dashboard: every attribute that a query names is on spans, in privacy mode too; panels are whole, and fit the grid.

What the queries say is tested with a real Tempo: `tests/receivers/test_tempo_dashboard.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import spancast
from spancast import destinations
from spancast.demo import support_agent as demo
from spancast.destinations import MemoryDestination
from spancast.destinations.rendering import rendering_of
from spancast.privacy import keys

from ..privacy.test_privacy import operations
from ..receivers.cache import folder, needs
from .dashboard import DASHBOARD, FOLDER, PANELS, VARIABLES, Panel

GRAMMAR = Path(__file__).parents[1] / "receivers" / "traceql_grammar.cjs"
UNITS = {"tokens": "short", "cost": "currencyUSD", "duration": "s", "time_to_first_chunk": "s", "count": "short"}
EVERY = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)


@pytest.fixture(scope="module")
def names() -> dict[str, set[type]]:
    """Return the attributes that the demo's spans and an operation of every kind have, as TraceQL names them, with types."""
    memory: MemoryDestination = destinations.memory(convention="gen_ai")
    with spancast.Pipeline(memory, service_name="demo") as pipeline:
        asyncio.run(demo.run(pipeline, lambda piece: None))
        assert True is pipeline.flush(10)
    render = rendering_of(destinations.memory(convention="gen_ai"))
    found: dict[str, set[type]] = {"resource.service.name": {str}}
    for attributes in (
        *(span.attributes for span in memory.spans),
        *(render(each).attributes for each in operations()),
    ):
        for name, value in attributes.items():
            found.setdefault(f"span.{name}", set()).add(type(value))
    return found


@EVERY
def test_every_attribute_that_a_query_names_is_on_spans(panel: Panel, names: dict[str, set[type]]) -> None:
    """In privacy mode too; what is measured is a number. Everything else is an intrinsic of TraceQL."""
    assert "resource.service.name" in panel.names
    for name in (*panel.names, *panel.grouped, *panel.selected):
        assert name in names
        if name.startswith("span."):
            assert True is keys.is_safe(name.removeprefix("span."))
    if panel.measured not in (None, "duration"):
        assert {int, float} >= names[panel.measured]


@pytest.mark.parametrize("grammar", [pytest.param(GRAMMAR, marks=needs("traceql"), id="lezer-traceql")])
def test_grafanas_own_grammar_reads_every_query(grammar: Path) -> None:
    """The grammar of Grafana's query editor finds no error; it finds the errors that are put in."""
    asked = [panel.query for panel in PANELS]
    # this grammar lacks Tempo's intrinsic `nestedSetParent`, which Grafana's own pages ask for
    asked = [text.replace("nestedSetParent < 0", "duration < 0s") for text in asked]
    wrong = ["{ a b }", "{ gen_ai.tool.name = 1 }", "{ span.x = }", "{} | frobnicate()", "{} rate()"]
    done = subprocess.run(
        ["node", str(grammar)],
        input=json.dumps([*asked, *wrong]),
        env={**os.environ, "NODE_PATH": str(folder("traceql") / "node_modules")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    faults = json.loads(done.stdout)
    assert [] == [(text, found) for text, found in zip(asked, faults) if found]
    assert True is all(faults[len(asked) :])


@EVERY
def test_a_panel_has_title_description_unit_and_the_chosen_data_source(panel: Panel) -> None:
    """Nothing names a data source of its own; the unit is that of what is measured."""
    held = panel.held
    (target,) = held["targets"]
    chosen = {"type": "tempo", "uid": "${datasource}"}
    assert (chosen, chosen, "traceql") == (held["datasource"], target["datasource"], target["queryType"])
    assert True is all(held[name].strip() for name in ("title", "description"))
    what = panel.measured or "count"
    (unit,) = {unit for ending, unit in UNITS.items() if what.endswith((ending, f"_{ending}"))}
    assert unit == held["fieldConfig"]["defaults"]["unit"]
    assert (held["type"] == "table") is (not panel.function)


def test_tokens_cost_latency_and_errors_are_there_by_model_user_and_session_and_what_tools_have_by_tool() -> None:
    """Each measure has a panel for each of them."""
    found = set()
    for panel in PANELS:
        measure = panel.measured or ("errors" if "status = error" in panel.query else "count")
        found |= {(measure.rpartition(".")[2], name.removeprefix("span.")) for name in panel.grouped[:1]}
    for who in ("gen_ai.request.model", "user.id", "session.id"):
        assert {("total_cost", who), ("duration", who), ("errors", who)} <= found
        assert True is any((tokens, who) in found for tokens in ("total_tokens", "input_tokens"))
    assert {(what, "gen_ai.tool.name") for what in ("count", "duration", "errors")} <= found


def test_all_panels_fit_the_grid_without_overlap() -> None:
    """24 columns; no two panels share a cell, no row of the grid is left empty, and ids are unique."""
    cells: dict[tuple[int, int], int] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert True is (0 <= place["x"] and place["x"] + place["w"] <= 24)
        for x, y in itertools.product(range(place["w"]), range(place["h"])):
            assert panel["id"] == cells.setdefault((place["x"] + x, place["y"] + y), panel["id"])
    height = max(y for _, y in cells) + 1
    assert 24 * height == len(cells)
    assert len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})


def test_the_variables_are_a_data_source_and_what_queries_read() -> None:
    """The data source is chosen at the top; no variable is there for nothing, and the page explains each."""
    assert ("datasource", "tempo") == (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"])
    read = {name for panel in PANELS for name in re.findall(r"\$(\w+)", panel.held["targets"][0]["query"])}
    assert set(VARIABLES) == read | {"datasource"}
    page = (FOLDER / "README.md").read_text()
    for variable in VARIABLES.values():
        assert f"| {variable['label']} |" in page
