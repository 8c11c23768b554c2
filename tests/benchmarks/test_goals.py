"""Goals: medians over rounds, each against the untraced of its round, and what they reach."""

from __future__ import annotations

import math

from goals import GOALS, Goal, Measured, summarise, table, verdicts


def _row(
    peer: str, number: int, cpu: float, *, again: bool = False, environment: str = "spancast", **others: float
) -> dict:
    row = {"peer": peer, "workload": "lcel", "round": number, "again": again, "environment": environment}
    return {**row, "cpu": cpu, "thread": cpu / 2, "peak": 100.0, "spans": 0.0, "bytes": 0.0, **others}


def _round(number: int, slow: float, **others: float) -> list[dict]:
    """One round on a machine that is *slow* times as slow as in others."""
    return [
        _row("none", number, 100 * slow),
        _row("none", number, 110 * slow, again=True),
        _row("spancast-otlp", number, 210 * slow, spans=4.0, bytes=400.0, **others),
        _row("openllmetry", number, 505 * slow, spans=4.0, environment="openllmetry", peak=160.0),
    ]


def test_a_ratio_is_to_the_untraced_of_the_same_round() -> None:
    """A machine that is slow in one round changes no ratio; the untraced is the mean of its two runs."""
    found = summarise([*_round(0, 1), *_round(1, 3), *_round(2, 1)])
    assert 2.0 == found["spancast-otlp", "lcel"].ratio
    assert (2.0, 2.0) == found["spancast-otlp", "lcel"].quarter
    assert 105 / 4 == found["spancast-otlp", "lcel"].per_span
    assert 100 == found["spancast-otlp", "lcel"].bytes


def test_the_noise_is_one_untraced_beside_the_other() -> None:
    """The row of the untraced is its second run over its first."""
    found = summarise([*_round(0, 1), *_round(1, 2)])
    assert 1.1 == found["none", "lcel"].ratio
    assert 2 == found["none", "lcel"].rounds


def test_memory_is_beside_the_untraced_of_the_same_environment() -> None:
    """What is installed elsewhere loads more by itself: it is no tracer's memory, and no round's untraced CPU."""
    elsewhere = _row("none", 0, 9000, again=True, environment="openllmetry", peak=150.0)
    found = summarise([*_round(0, 1, peak=112.0), elsewhere])
    assert 12 == found["spancast-otlp", "lcel"].peak
    assert 10 == found["openllmetry", "lcel"].peak
    assert 2.0 == found["spancast-otlp", "lcel"].ratio


def test_a_peer_without_its_untraced_is_left_out() -> None:
    """A round in which the untraced failed gives no ratio."""
    assert {} == summarise(_round(0, 1)[2:])


def test_a_goal_is_reached_by_all_destinations_or_not_at_all() -> None:
    """The worst destination decides, and is shown first."""
    good = summarise([*_round(0, 1)])["spancast-otlp", "lcel"]
    figures = {
        ("spancast-otlp", "lcel"): good._replace(ratio=1.3),
        ("spancast-arize", "lcel"): good._replace(ratio=1.6),
    }
    rows = {title: (wanted, shown, verdict) for title, wanted, shown, verdict in verdicts(Measured(figures, {}))}
    assert ("≤ 1.50", "1.60 (arize), 1.30 (otlp)", "**not reached**") == rows["chain: CPU over untraced"]
    figures["spancast-arize", "lcel"] = good._replace(ratio=1.4)
    rows = {title: verdict for title, _, _, verdict in verdicts(Measured(figures, {}))}
    assert "reached" == rows["chain: CPU over untraced"]  # type: ignore[comparison-overlap]


def test_added_cost_is_judged_per_span_that_arrived() -> None:
    """The goal beside another tracer divides added CPU per span by its."""
    found = Measured(summarise(_round(0, 1)), {})
    rows = {title: shown for title, _, shown, _ in verdicts(found)}
    assert "0.26 (otlp)" == rows["chain: added CPU per span, of OpenLLMetry's"]


def test_what_was_not_measured_is_said() -> None:
    """Without figures every goal is in the table, and none is called reached."""
    assert {"not measured"} == {verdict for *_, verdict in verdicts(Measured({}, {}))}
    assert len(GOALS) + 2 == len(table(Measured({}, {})).splitlines())


def test_small_measures_are_read_by_what_they_return() -> None:
    """A goal that is reached from above; a measure with one figure and one with a figure a destination."""
    small = {"drain": {"times": 2.0, "lost": 0}, "callbacks": {"lcel": {"over": {"arize": 18.5, "otlp": 18.6}}}}
    rows = {title: (shown, verdict) for title, _, shown, verdict in verdicts(Measured({}, small))}
    assert ("2", "**not reached**") == rows["20,000 spans flat out: delivered a second, times the stock SDK"]
    assert ("0", "reached") == rows["20,000 spans flat out, defaults: lost"]
    assert ("18.6 µs (otlp), 18.5 µs (arize)", "**not reached**") == rows["chain: callbacks, over untraced, a span"]


def test_not_a_number_is_no_success() -> None:
    """A figure that could not be computed reaches neither kind of goal."""
    assert not Goal("", 1, lambda measured: {}).reached(math.nan)
    assert not Goal("", 1, lambda measured: {}, at_least=True).reached(math.nan)
