"""The Grafana dashboard's queries, asked of a real Tempo: each panel says what the spans that were sent say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import pytest

import spancast
from spancast import destinations

from ..integrations.dashboard import IDS, PANELS, Panel
from .applications import the_demo
from .cache import needs
from .program import until
from .read_back import ReadSpan
from .tempo_server import QueryError, Series, Tempo, running_tempo
from .traffic import slow

pytestmark = needs("tempo")
ERROR = 2
# What each part of a filter asks for, in Python: a part that is not here fails the test.
PARTS: Mapping[str, Callable[[ReadSpan], bool]] = {
    'resource.service.name =~ ".*"': lambda span: True,
    "nestedSetParent < 0": lambda span: span.parent is None,
    "status = error": lambda span: span.status == ERROR,
    "duration > 30s": lambda span: span.end_ns - span.start_ns > 30e9,
    'span.gen_ai.operation.name =~ "chat|text_completion|generate_content"': lambda span: (
        span.attributes.get("gen_ai.operation.name") in ("chat", "text_completion", "generate_content")
    ),
    'span.gen_ai.operation.name = "execute_tool"': lambda span: (
        span.attributes.get("gen_ai.operation.name") == "execute_tool"
    ),
    "span.gen_ai.usage.total_cost > 0.10": lambda span: span.attributes.get("gen_ai.usage.total_cost", 0) > 0.1,
}


@dataclass(frozen=True)
class Filled:
    """A Tempo, and every span that it has."""

    tempo: Tempo
    spans: tuple[ReadSpan, ...]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Return a Tempo with the demo's trace, a dear, a slow and a failed one, once its queries have come to them."""
    with running_tempo(tmp_path_factory.mktemp("tempo")) as tempo:
        memory = destinations.memory(convention="gen_ai")
        with spancast.Pipeline(destinations.tempo(tempo.url), memory, service_name="demo") as pipeline:
            the_demo(pipeline)
            for name, cost in (("dear", 0.5), ("fails", 0.001)):
                with suppress(ValueError), spancast.trace(kind="LLM", trace_name=name, user="u2") as call:
                    call.set_attribute("gen_ai.operation.name", "chat")
                    call.set_attribute("gen_ai.request.model", "a/model")
                    call.set_attribute("gen_ai.usage.total_cost", cost)
                    if name == "fails":
                        raise ValueError("broken")
            assert True is pipeline.flush(30)
        ids = {span.trace_id for span in memory.spans} | set(slow(1, f"{tempo.url}/v1/traces"))
        sent = len(memory.spans) + 1

        def stored() -> list[ReadSpan]:
            return [span for trace_id in ids for span in tempo.found(trace_id).values()]

        spans = until(stored, lambda found: len(found) == sent)
        until(lambda: tempo.measured("{} | count_over_time()").get((), 0), lambda count: count >= sent, 120, pause=1)
        yield Filled(tempo, tuple(spans))


def asked_for(panel: Panel, spans: tuple[ReadSpan, ...]) -> list[ReadSpan]:
    """Return the spans that pass a panel's filter."""
    (inside,) = re.findall(r"\{ (.*) \}", panel.query)
    return [span for span in spans if all(_passes(span, part) for part in inside.split(" && "))]


def _passes(span: ReadSpan, part: str) -> bool:
    return value(span, part.removesuffix(" != nil")) is not None if part.endswith(" != nil") else PARTS[part](span)


def value(span: ReadSpan, name: str) -> object:
    """Return an attribute or intrinsic by TraceQL's name."""
    return (
        (span.end_ns - span.start_ns) / 1e9 if name == "duration" else span.attributes.get(name.removeprefix("span."))
    )


def summed(panel: Panel, spans: list[ReadSpan]) -> Series:
    """Return count or sum by group, as the panel's function asks; of other functions, the groups alone."""
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for span in spans:
        measured = 1 if panel.measured is None else value(span, panel.measured)
        if measured is not None:
            group = tuple(str(each) if (each := value(span, name)) is not None else "nil" for name in panel.grouped)
            found[group] += measured  # type: ignore[operator]
    return found


@pytest.mark.parametrize("panel", [panel for panel in PANELS if panel.function], ids=lambda panel: panel.id)
def test_a_panel_of_numbers_says_what_the_spans_say(filled: Filled, panel: Panel) -> None:
    """Counts and sums are exact, by group; quantiles and means are there for every group and no other."""
    expected = summed(panel, asked_for(panel, filled.spans))
    measured = filled.tempo.measured(panel.query)
    assert {} != expected
    if panel.function in ("count_over_time", "sum_over_time"):
        assert pytest.approx(dict(expected)) == measured
    else:
        # a quantile is one more label; where a group's own value is missing, it is the only one
        shares = {str(share) for share in re.findall(r"0\.\d+", panel.query)}
        groups = {tuple(label for label in labels if label not in shares) or ("nil",) for labels in measured}
        assert {group or ("nil",) for group in expected} == groups
        assert True is all(number > 0 for number in measured.values())


@pytest.mark.parametrize("panel", [panel for panel in PANELS if not panel.function], ids=lambda panel: panel.id)
def test_a_table_has_the_spans_that_it_asks_for(filled: Filled, panel: Panel) -> None:
    """As many rows as spans pass the filter, each with the columns that the spans have."""
    expected = asked_for(panel, filled.spans)
    rows = filled.tempo.searched(panel.query)
    assert (True, len(expected)) == (bool(expected), len(rows))
    named = [name.removeprefix("span.") for name in panel.selected]
    wanted = sorted(sorted(name for name in named if name in span.attributes) for span in expected)
    assert wanted == sorted(sorted(name for name in named if name in row) for row in rows)


@pytest.mark.parametrize(
    "text", ["{ a b }", "{ gen_ai.tool.name = 1 }", "{ span.x = }", "{} | frobnicate()", "{} rate()"]
)
def test_tempo_refuses_what_is_no_traceql(filled: Filled, text: str) -> None:
    """The test of the queries can fail."""
    with pytest.raises(QueryError):
        filled.tempo.measured(text)


def test_every_panel_is_asked() -> None:
    """None is left out because its function is not seen."""
    assert len(IDS) == len(PANELS) == sum(bool(panel.function) != bool(panel.selected) for panel in PANELS)
