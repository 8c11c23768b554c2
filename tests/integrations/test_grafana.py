"""The dashboard: every query parses and finds real spans, and every attribute in it is on the spans that it looks at."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.conventions.span import ERROR
from spancast.demo import support_agent as demo
from spancast.destinations import MemoryDestination
from spancast.destinations.rendering import rendering_of
from spancast.privacy import keys

from ..privacy.test_privacy import operations
from ..receivers.cache import folder, needs
from . import traceql

GRAMMAR = Path(__file__).parents[1] / "receivers" / "traceql_grammar.cjs"
FOLDER = Path(__file__).parents[2] / "integrations" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "spancast.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
IDS = [f"{panel['id']} {panel['title']}" for panel in PANELS]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
UNITS = {"tokens": "short", "cost": "currencyUSD", "duration": "s", "time_to_first_chunk": "s", "count": "short"}


def query(panel: dict[str, Any]) -> traceql.Query:
    """Return a panel's query with the variables' own values put in."""
    return traceql.read(plain(panel))


def plain(panel: dict[str, Any]) -> str:
    """Return the text of a panel's query with the variables' own values put in."""
    (target,) = panel["targets"]
    return re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]]["current"]["value"], target["query"])


@pytest.fixture(scope="module")
def spans() -> list[dict[str, Any]]:
    """Return spans in gen_ai as queries see them: the demo's trace, and an operation of every kind, failed and not."""
    memory: MemoryDestination = destinations.memory(convention="gen_ai")
    with spancast.Pipeline(memory, service_name="demo") as pipeline:
        asyncio.run(demo.run(pipeline, lambda piece: None))
        assert True is pipeline.flush(10)
    found = [
        {
            **seen(span.attributes),
            "status": span.status.lower(),
            "duration": (span.end_ns - span.start_ns) / 1e9,
            "nestedSetParent": -1 if span.parent_span_id is None else 1,
        }
        for span in memory.spans
    ]
    render = rendering_of(destinations.memory(convention="gen_ai"))
    for operation in operations():
        span = render(operation)
        status = "error" if span.status_code == ERROR else "unset"
        found += [
            {**seen(span.attributes), "status": status, "duration": seconds, "nestedSetParent": parent}
            for seconds, parent in ((1.0, 1), (60.0, -1))
        ]
    return found


def seen(attributes: Any) -> dict[str, Any]:
    """Return attributes as TraceQL names them, with a service beside them."""
    return {"resource.service.name": "demo", **{f"span.{name}": value for name, value in attributes.items()}}


@pytest.mark.parametrize("panel", PANELS, ids=IDS)
def test_a_query_finds_spans_with_every_attribute_that_it_names(
    panel: dict[str, Any], spans: list[dict[str, Any]]
) -> None:
    """Of the spans that pass its filter, some carry what is measured, grouped by and shown; in privacy mode too."""
    asked = query(panel)
    looked_at = [values for values in spans if asked.condition(values)]
    assert [] != looked_at
    for name in (*asked.filtered, *asked.measured, *asked.grouped, *asked.selected):
        assert True is any(name in values for values in looked_at), name
        if name.startswith("span."):
            assert True is keys.is_safe(name.removeprefix("span."))
    for name in asked.measured:
        assert {int, float} >= {type(values[name]) for values in looked_at if name in values}


def test_the_demo_alone_fills_the_dashboard(spans: list[dict[str, Any]]) -> None:
    """Who starts Tempo and sends the demo sees something in every panel but those of failed models and of rare traces."""
    empty = set()
    for panel in PANELS:
        asked = query(panel)
        named = [*asked.measured, *asked.grouped]
        if not any(asked.condition(values) and all(name in values for name in named) for values in spans[:24]):
            empty.add(panel["title"])
    assert {"Errors, by model and type", "Dear model calls", "Slow runs"} == empty


@pytest.mark.parametrize("grammar", [pytest.param(GRAMMAR, marks=needs("traceql"), id="lezer-traceql")])
def test_grafanas_own_grammar_reads_every_query(grammar: Path) -> None:
    """The grammar of Grafana's query editor finds no error; it finds the errors that are put in."""
    asked = [plain(panel) for panel in PANELS]
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


@pytest.mark.parametrize("panel", PANELS, ids=IDS)
def test_a_panel_has_title_description_unit_and_the_chosen_data_source(panel: dict[str, Any]) -> None:
    """Nothing names a data source of its own; the unit is that of what is measured."""
    (target,) = panel["targets"]
    chosen = {"type": "tempo", "uid": "${datasource}"}
    assert (chosen, chosen, "traceql") == (panel["datasource"], target["datasource"], target["queryType"])
    assert True is all(panel[name].strip() for name in ("title", "description"))
    asked = query(panel)
    what = asked.measured[0] if asked.measured else "count"
    (unit,) = {unit for ending, unit in UNITS.items() if what.endswith((ending, f"_{ending}"))}
    assert unit == panel["fieldConfig"]["defaults"]["unit"]
    assert (panel["type"] == "table") is (not asked.function)


def test_tokens_cost_latency_and_errors_are_there_by_model_user_and_session_and_what_tools_have_by_tool() -> None:
    """Each measure has a panel for each of them."""
    found = set()
    for panel in PANELS:
        asked = query(panel)
        measure = (asked.measured or ["errors" if "status" in asked.filtered else "count"])[0]
        found |= {(measure.rpartition(".")[2], name.removeprefix("span.")) for name in asked.grouped[:1]}
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
    read = {name for panel in PANELS for name in re.findall(r"\$(\w+)", panel["targets"][0]["query"])}
    assert set(VARIABLES) == read | {"datasource"}
    page = (FOLDER / "README.md").read_text()
    for variable in VARIABLES.values():
        assert f"| {variable['label']} |" in page


@pytest.mark.parametrize(
    "text",
    [
        "{ a b }",
        "{ gen_ai.tool.name = 1 }",
        "{ span.x = }",
        "{ span.x =~ 1 }",
        "{ duration > 30 }",
        "{ span.x > 30s }",
        "{} | frobnicate()",
        "{} | rate() by (x)",
        "{} | sum_over_time()",
        "{} | quantile_over_time(duration)",
        "{} | quantile_over_time(duration, 95)",
        "{} | topk(10)",
        "{} | rate() | rate()",
        "{} rate()",
        "{ span.x = 'y' }",
    ],
)
def test_the_reader_refuses_what_is_no_traceql(text: str) -> None:
    """Wrong words, types and orders do not pass."""
    with pytest.raises(SyntaxError):
        traceql.read(text)
