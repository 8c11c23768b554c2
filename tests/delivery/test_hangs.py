"""A function of the application's that does not return: flush and shutdown come back, and report and log name it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.delivery import hangs
from spancast.recording import notice

from ..receivers.recording import recording_receiver


@pytest.fixture(autouse=True)
def _immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that is under way count as hanging, and every warning be said again."""
    monkeypatch.setattr(hangs, "HANGS_AFTER", 0.0)
    notice.forget()


@pytest.mark.parametrize("name", ["redact", "keep"])
def test_a_function_that_never_returns_is_named(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Report and one line of the log; and no word about it once it has returned."""
    entered, over = threading.Event(), threading.Event()

    def hanging(value: Any) -> Any:
        entered.set()
        over.wait(20.0)
        return value

    options: Any = {name: hanging, **({"sampling_rate": 0.5} if name == "keep" else {})}
    pipeline = spancast.Pipeline(destinations.memory(**options), spool=False)
    try:
        with pipeline.trace("Shop"):
            pass
        assert not pipeline.flush(0.2)
        assert entered.wait(20.0)
        (problem,) = [each for each in pipeline.report().problems if "has not returned" in each]
        assert problem.startswith(f"{name} has not returned for ")
        assert not pipeline.flush(0.1)
        assert 1 == sum("has not returned" in each.message for each in caplog.records)
        over.set()
        assert pipeline.flush(20.0)
        assert () == pipeline.report().problems
    finally:
        over.set()
        pipeline.shutdown(5.0)


def test_headers_that_never_return_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """A function that fetches a token holds up its own destination only; the shutdown says so."""
    over = threading.Event()

    def headers() -> dict[str, str]:
        over.wait(20.0)
        return {}

    with recording_receiver() as receiver:
        slow = destinations.otlp(receiver.url, headers=headers, timeout=0.01, name="slow")
        memory = destinations.memory()
        pipeline = spancast.Pipeline(slow, memory, spool=False)
        with pipeline.trace("Shop"):
            pass
        assert not pipeline.flush(0.3)
        assert 1 == len(memory.spans)
        (problem,) = pipeline.report().problems
        assert problem.startswith("destination slow: the headers callable has not returned for ")
        over.set()
        pipeline.shutdown(5.0)
    assert 1 == sum("has not returned" in each.message for each in caplog.records)


def test_nothing_hangs_that_is_within_its_time() -> None:
    """A request may last as long as its timeout, and the encoder may have nothing in hand."""
    plain = destinations.otlp("http://127.0.0.1:9/v1/traces", timeout=3.0)
    assert () == hangs.encoder_hangs(None, 100.0, [plain])
    assert () == hangs.request_hangs(None, 100.0, plain)
    assert () == hangs.request_hangs(98.0, 100.0, plain)
    assert "the exporter" in hangs.request_hangs(90.0, 100.0, plain)[0]
    assert "in the encoder for 10 s" in hangs.encoder_hangs(90.0, 100.0, [plain])[0]
