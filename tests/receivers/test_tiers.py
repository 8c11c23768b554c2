"""The tiers of `integrations/collector`, running: each rule keeps what it says, and each tier may die and come back."""

from __future__ import annotations

import contextvars
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import spancast
from spancast import destinations

from .cache import needs, version
from .program import until
from .read_back import of_protobuf
from .tiers import GROUP, TOPIC, WAIT, Tiers, running_tiers
from .traffic import dear, failed, long, rest, slow

pytestmark = needs("collector", "jaeger", "kafka")


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiers]:
    """Return the running tiers; behind the gateways Jaeger, and Phoenix where it is there."""
    with running_tiers(tmp_path_factory.mktemp("tiers") / "all", phoenix=version("phoenix") is not None) as tiers:
        yield tiers


@contextmanager
def sending(tiers: Tiers) -> Iterator[spancast.Pipeline]:
    """Use a pipeline that sends to the agent; after the block everything has been delivered."""
    agent = destinations.otlp(tiers.url, name="agent", max_request_bytes=900_000)
    with spancast.Pipeline(agent, service_name="tiers") as pipeline:
        yield pipeline
        assert True is pipeline.flush(120)
        report = pipeline.report()["agent"]
        assert (report.recorded, 0, 0) == (report.delivered, report.rejected, report.dropped)


def missing(tiers: Tiers, ids: list[str], spans: int, timeout: float = 60.0) -> list[str]:
    """Return the traces of which Jaeger has not all spans, once there are none or *timeout* seconds are over."""
    waiting = set(ids)

    def look() -> set[str]:
        waiting.difference_update([each for each in waiting if len(tiers.jaeger.found(each)) == spans])
        return waiting

    return sorted(until(look, lambda left: not left, timeout))


def during(traffic: Callable[[], list[str]], happens: Callable[[], None]) -> list[str]:
    """Make traffic until *happens* has happened, and a little longer; return the ids of its traces."""
    ids, over = list[str](), threading.Event()

    def go() -> None:
        while len(ids) < 600 and not over.wait(0.05):
            ids.extend(traffic())

    application = threading.Thread(target=contextvars.copy_context().run, args=(go,))
    application.start()
    try:
        until(lambda: len(ids), lambda count: count > 50)
        happens()
        before = len(ids)
        until(lambda: len(ids), lambda count: count >= min(before + 50, 600))
    finally:
        over.set()
        application.join()
    return ids


def test_each_rule_keeps_what_it_says(tiers: Tiers) -> None:
    """Failed, dear, slow and long traces arrive whole, in all backends; of 1,000 others about one percent."""
    with sending(tiers):
        kept = {"failed": failed(20), "dear": dear(20), "slow": slow(20, tiers.url), "long": long(5)}
        others = rest(1000)
    spans = {"failed": 5, "dear": 2, "slow": 1, "long": 210}
    assert {} == {rule: left for rule, ids in kept.items() if (left := missing(tiers, ids, spans[rule]))}
    whole = [len(tiers.jaeger.found(trace_id)) for trace_id in others]
    assert {0, 5} >= set(whole)
    assert True is (1 <= whole.count(5) <= 40)
    if tiers.phoenix is not None:
        for rule, ids in kept.items():
            assert spans[rule] == len(tiers.phoenix.stored("tiers", ids[-1], spans[rule]))


def test_no_content_gets_past_the_gateways(tiers: Tiers) -> None:
    """An exception's message and stack trace, and an attribute of the user's own, stay before privacy.yaml."""
    with sending(tiers), spancast.trace(trace_name="failed") as handle:
        handle.set_attribute("customer", "secret words")
        try:
            with spancast.trace(kind="TOOL", trace_name="fails"):
                raise ValueError("secret words")
        except ValueError:
            pass
    assert [] == missing(tiers, [handle.trace_id], 2)
    assert "secret words" not in str(tiers.jaeger.stored(handle.trace_id))
    assert {"ValueError"} == {
        span.attributes["error.type"] for span in tiers.jaeger.found(handle.trace_id).values() if span.name == "fails"
    }


def test_a_killed_agent_loses_nothing(tiers: Tiers) -> None:
    """What it had answered is on its disk, and what it had not is sent again by spancast."""

    def die() -> None:
        tiers.agent.program.kill()
        tiers.agent.program.start()

    with sending(tiers):
        ids = during(lambda: failed(1), die)
    assert [] == missing(tiers, ids, 5)


def test_the_agent_bridges_kafkas_absence(tiers: Tiers) -> None:
    """Killed, and back after a while: the agent keeps the spans on disk, and all of them come to Kafka.

    The gateways decide on what they have: of a trace that the outage divided, and of one whose gateway changed, a half.
    """
    grown: list[int] = []

    def die() -> None:
        tiers.broker.program.kill()
        with sending(tiers):
            grown.extend([tiers.agent.bytes_on_disk(), len(failed(200))])
        grown.append(tiers.agent.bytes_on_disk())
        tiers.broker.program.start()

    with sending(tiers):
        ids = during(lambda: failed(1), die)
    left = missing(tiers, ids, 5, timeout=120)
    in_kafka = Counter(
        span.trace_id for _, _, value in tiers.broker.records(TOPIC) for span in of_protobuf(value).values()
    )
    assert [] == [trace_id for trace_id in ids if in_kafka[trace_id] < 5]
    assert True is (len(left) <= len(ids) / 10)
    assert True is (grown[2] > grown[0])


def test_the_gateways_bridge_the_backends_absence(tiers: Tiers) -> None:
    """Jaeger is killed, and back after the gateways have decided: they keep the spans on disk."""

    def die() -> None:
        tiers.jaeger.program.stop()
        until(lambda: tiers.broker.lag(TOPIC, GROUP), lambda lag: lag == 0)
        threading.Event().wait(2 * WAIT)
        tiers.jaeger.program.start()

    with sending(tiers):
        ids = during(lambda: failed(1), die)
    assert [] == missing(tiers, ids, 5, timeout=120)


def test_a_killed_gateway_loses_what_waited_and_nothing_else(tiers: Tiers) -> None:
    """The other one reads on in its place. Lost is at most what came in the time of a decision before it died."""
    gateway = tiers.gateways[0].program
    with sending(tiers):
        long_before = failed(50)
    assert [] == missing(tiers, long_before, 5)
    with sending(tiers):
        waiting = failed(50)
    gateway.kill()
    with sending(tiers):
        after = failed(50)
    assert [] == missing(tiers, after, 5, timeout=90)
    lost = missing(tiers, waiting, 5, timeout=1)
    assert True is (0 <= len(lost) <= 50)
    gateway.start()
    until(lambda: tiers.broker.lag(TOPIC, GROUP), lambda lag: lag == 0)
    threading.Event().wait(2 * WAIT)  # the partitions are shared out anew
    with sending(tiers):
        at_last = failed(50)
    assert [] == missing(tiers, at_last, 5)
