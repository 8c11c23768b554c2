"""The goals, each with its bound, and what was measured: pure functions of compare.py's figures.

A goal is reached when every spancast destination that was measured reaches it; the worst is shown first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from measuring import markdown, median, quartiles
from peers import BASES, PEERS, base_of

Rows = list[dict[str, Any]]
OURS = ("spancast-arize", "spancast-otlp", "spancast-protobuf", "li-spancast-arize", "li-spancast-otlp")
_OTHERS_LI = ("li-openinference", "li-openllmetry", "li-otel", "li-openlit", "li-mlflow")


class Figures(NamedTuple):
    """One peer under one workload: medians over the rounds, each against the untraced of the same round."""

    ratio: float  # CPU of the whole process over untraced
    quarter: tuple[float, float]  # its quartiles
    cpu: float  # microseconds a run
    added: float  # microseconds a run over untraced
    spans: float  # that arrived, a run
    per_span: float  # added microseconds for each of them
    thread: float  # microseconds of the main thread a run, over untraced, until the last run returned
    peak: float  # megabytes over untraced
    bytes: float  # a span, before compression
    rounds: int


class Measured(NamedTuple):
    """All that the goals are judged by."""

    figures: Mapping[tuple[str, str], Figures]  # by peer and workload
    small: Mapping[str, Any]  # by small measure, as each returns it

    def of(self, what: str, workload: str, peers: tuple[str, ...] = OURS) -> dict[str, float]:
        """Return one figure for each of *peers* that was measured under *workload*."""
        found = {peer: self.figures[peer, workload] for peer in peers if (peer, workload) in self.figures}
        return {peer: getattr(figures, what) for peer, figures in found.items()}


class Goal(NamedTuple):
    """What is wanted: at most the bound, or at least it. *measured* returns a figure for each of ours, or none."""

    title: str
    bound: float
    measured: Callable[[Measured], Mapping[str, float]]
    unit: str = ""
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Return whether *value* is as good as wanted. What is not a number is not."""
        return value >= self.bound if self.at_least else value <= self.bound


def summarise(rows: Rows) -> dict[tuple[str, str], Figures]:
    """Return medians over rounds by peer and workload. `none` is what its second run in a round is beside its first.

    Memory is beside the untraced of the same environment: what is installed decides what the framework loads.
    """
    figures = {}
    everywhere = rows
    rows = [row for row in rows if row["peer"] not in BASES or row["environment"] == PEERS[row["peer"]].environment]
    for peer, workload in dict.fromkeys((row["peer"], row["workload"]) for row in rows):
        base = base_of(peer)
        pairs = [
            (row, untraced)
            for row in rows
            if (row["peer"], row["workload"]) == (peer, workload) and (peer != base or row["again"])
            for untraced in [_untraced(rows, base, workload, row["round"], first_only=peer == base)]
            if untraced
        ]
        if not pairs:
            continue
        ratios = [row["cpu"] / untraced["cpu"] for row, untraced in pairs]
        added = median([row["cpu"] - untraced["cpu"] for row, untraced in pairs])
        spans = median([row["spans"] for row, _ in pairs])
        figures[peer, workload] = Figures(
            ratio=median(ratios),
            quarter=quartiles(ratios),
            cpu=median([row["cpu"] for row, _ in pairs]),
            added=added,
            spans=spans,
            per_span=added / spans if spans else math.nan,
            thread=median([row["thread"] - untraced["thread"] for row, untraced in pairs]),
            peak=median([row["peak"] for row, _ in pairs])
            - _peak(everywhere, base, workload, pairs[0][0]["environment"]),
            bytes=median([row["bytes"] for row, _ in pairs]) / spans if spans else math.nan,
            rounds=len(pairs),
        )
    return figures


def _untraced(rows: Rows, base: str, workload: str, turn: int, *, first_only: bool) -> dict[str, float]:
    """Return the untraced of a round: the mean of its two runs, as one alone is half of the noise of every ratio."""
    found = [row for row in rows if (row["peer"], row["workload"], row["round"]) == (base, workload, turn)]
    if first_only:
        found = [row for row in found if not row["again"]]
    return {key: sum(row[key] for row in found) / len(found) for key in ("cpu", "thread")} if found else {}


def _peak(rows: Rows, base: str, workload: str, environment: str) -> float:
    key = (base, workload, environment)
    return median([row["peak"] for row in rows if (row["peer"], row["workload"], row["environment"]) == key])


# ---------------------------------------------------------------- the goals
def _ratio(workload: str, *peers: str) -> Callable[[Measured], Mapping[str, float]]:
    return lambda measured: measured.of("ratio", workload, peers or OURS)


def _per_span(workload: str, *others: str) -> Callable[[Measured], Mapping[str, float]]:
    """Ours over the least of *others*, in added CPU per exported span."""

    def figure(measured: Measured) -> Mapping[str, float]:
        least = min(measured.of("per_span", workload, others).values(), default=math.nan)
        return {peer: value / least for peer, value in measured.of("per_span", workload).items() if least > 0}

    return figure


def _gather_over_batch(measured: Measured) -> Mapping[str, float]:
    batch = measured.of("per_span", "batch")
    gather = measured.of("per_span", "gather")
    return {peer: gather[peer] / batch[peer] for peer in gather if batch.get(peer, 0) > 0}


def _small(name: str, *path: str) -> Callable[[Measured], Mapping[str, float]]:
    def figure(measured: Measured) -> Mapping[str, float]:
        value: Any = measured.small.get(name)
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            return value
        return {} if value is None else {"spancast": float(value)}

    return figure


_TITLES = {"lcel": "chain", "batch": "batch of 200", "gather": "gather of 200", "agent": "agent"}
_ONCE = ("spancast-otlp", "spancast-protobuf")
GOALS: tuple[Goal, ...] = (
    *(
        Goal(f"{_TITLES[name]}: CPU over untraced", bound, _ratio(name))
        for name, bound in (("lcel", 1.5), ("batch", 1.55), ("gather", 1.4), ("agent", 1.25))
    ),
    Goal("stream of 1,000 chunks: CPU over untraced", 1.22, _ratio("stream")),
    Goal("50 messages of 2 kB, content twice (OpenInference): CPU over untraced", 4.2, _ratio("history", OURS[0])),
    Goal("50 messages of 2 kB, content once (gen_ai): CPU over untraced", 3.2, _ratio("history", *_ONCE)),
    Goal("50 messages, new in each call, content twice: CPU over untraced", 5.0, _ratio("history_new", OURS[0])),
    Goal("50 messages, new in each call, content once: CPU over untraced", 3.5, _ratio("history_new", *_ONCE)),
    Goal("chain: added CPU per span", 45, lambda measured: measured.of("per_span", "lcel"), "µs"),
    *(
        Goal(f"{_TITLES[name]}: added CPU per span, of OpenLLMetry's", bound, _per_span(name, "openllmetry"))
        for name, bound in (("lcel", 0.2), ("batch", 0.2), ("gather", 0.2), ("agent", 0.3))
    ),
    *(
        Goal(f"{_TITLES[name]}: added CPU per span, of OpenInference's", bound, _per_span(name, "openinference"))
        for name, bound in (("lcel", 0.1), ("batch", 0.1), ("gather", 0.1), ("agent", 0.25))
    ),
    Goal("chain: callbacks, over untraced, a span", 18, _small("callbacks", "lcel", "over"), "µs"),
    Goal("stream: callback thread over the empty handler", 1.25, _small("callbacks", "stream", "times")),
    Goal("50 messages: callback above the empty handler", 40, _small("callbacks", "history", "above"), "µs"),
    Goal("encoder, 30 attributes: of the official one", 0.25, _small("encoders", "30 x 50 B")),
    Goal("encoder, 100 attributes: of the official one", 0.25, _small("encoders", "100 x 50 B")),
    Goal("encoder, 102 attributes of 2 kB: of the official one", 0.15, _small("encoders", "102 x 2000 B")),
    Goal("20,000 spans flat out: delivered a second, times the stock SDK", 3, _small("drain", "times"), at_least=True),
    Goal(
        "spans a second without a loss, defaults: times the stock SDK", 5, _small("drain", "sustained"), at_least=True
    ),
    Goal("20,000 spans flat out, defaults: lost", 0, _small("drain", "lost")),
    Goal("RAG query (LlamaIndex): CPU over untraced", 1.2, _ratio("li_rag")),
    Goal("agent (LlamaIndex): CPU over untraced", 1.12, _ratio("li_agent")),
    Goal("RAG query: added CPU per span, of the best other's", 0.25, _per_span("li_rag", *_OTHERS_LI)),
    Goal("agent (LlamaIndex): added CPU per span, of the best other's", 0.25, _per_span("li_agent", *_OTHERS_LI)),
    Goal("dead collector: worst callback", 5, _small("dead_collector", "worst"), "ms"),
    Goal("dead collector: exit", 5, _small("dead_collector", "exit"), "s"),
    Goal("50 messages: resident memory over untraced", 14, lambda measured: measured.of("peak", "history"), "MB"),
    Goal("import of spancast and its handler, over the framework", 150, _small("import_time", "ms"), "ms"),
    Goal("gather: added CPU per span, of batch's", 1.5, _gather_over_batch),
)


def verdicts(measured: Measured) -> list[tuple[str, str, str, str]]:
    """Return title, goal, measured, verdict of every goal."""
    rows = []
    for goal in GOALS:
        found = {peer: value for peer, value in goal.measured(measured).items() if not math.isnan(value)}
        worst_first = sorted(found.items(), key=lambda item: item[1], reverse=not goal.at_least)
        shown = ", ".join(_cell(peer, value, goal.unit, alone=len(found) == 1) for peer, value in worst_first)
        verdict = (
            ("reached" if all(map(goal.reached, found.values())) else "**not reached**") if found else "not measured"
        )
        sense = "≥" if goal.at_least else "≤"
        rows.append((goal.title, f"{sense} {_number(goal.bound)}{_unit(goal.unit)}", shown or "–", verdict))
    return rows


def table(measured: Measured) -> str:
    """Return the goals as a Markdown table."""
    return markdown(("goal", "wanted", "measured", "verdict"), verdicts(measured))


def _cell(peer: str, value: float, unit: str, *, alone: bool) -> str:
    name = peer.removeprefix("li-").removeprefix("spancast-")
    return f"{_number(value)}{_unit(unit)}" + ("" if alone and name == "spancast" else f" ({name})")


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _number(value: float) -> str:
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
