"""Sampling: whole traces, by session, the same answer every time, each destination for itself."""

from __future__ import annotations

from spancast.recording.sampling import SamplingRule, sampled


def test_the_same_session_is_always_in_or_out() -> None:
    """With a session id all traces of the session share one answer."""
    rule = SamplingRule(0.3, "collector")
    for session in map(str, range(50)):
        answers = {sampled([rule], session, trace_id) for trace_id in range(1, 20)}
        assert 1 == len(answers)


def test_the_share_is_about_the_rate() -> None:
    """Of 20,000 sessions a rate of 0.1 keeps about a tenth."""
    rule = SamplingRule(0.1, "collector")
    kept = sum(rule.keeps(f"session-{index}") for index in range(20_000))
    assert 1_800 < kept < 2_200


def test_destinations_choose_independently() -> None:
    """Two destinations with the same rate keep different sessions: their names salt the choice."""
    one, other = SamplingRule(0.5, "one"), SamplingRule(0.5, "other")
    kept = [(one.keeps(str(index)), other.keeps(str(index))) for index in range(2_000)]
    assert 400 < sum(a and b for a, b in kept) < 600


def test_each_rule_is_one_bit() -> None:
    """The answer has a bit for each destination."""
    assert 0b11 == sampled([SamplingRule(1.0, "a"), SamplingRule(1.0, "b")], None, 7)
    assert 0 == sampled([], None, 7)


def test_a_smaller_rate_keeps_a_subset() -> None:
    """What 1 % keeps, 10 % keeps as well."""
    small, large = SamplingRule(0.01, "x"), SamplingRule(0.1, "x")
    assert all(large.keeps(str(index)) for index in range(20_000) if small.keeps(str(index)))
