"""The clocks of deadlines and ages: a test that freezes `time` freezes no flush, and makes no file old."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import spancast
from spancast import clock

SOURCE = Path(spancast.__file__).parent


def test_they_are_the_systems() -> None:
    """The same figures as those of `time`, whose deadlines may be compared with ours."""
    before, now, after = time.monotonic(), clock.monotonic(), time.monotonic()
    assert before <= now <= after
    assert time.time() <= clock.wall() <= clock.wall_ns() / 1e9 + 1.0


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nobody_reads_the_clock_that_is_frozen(path: Path) -> None:
    """A deadline by a clock that stands still is never reached."""
    if path.name != "clock.py":
        assert "time.monotonic" not in path.read_text(encoding="utf-8")


def test_a_flush_ends_while_time_is_frozen() -> None:
    """As freezegun does it: each function of `time` returns the same moment for ever; nobody listens at the receiver."""
    script = """
        import time
        for name in ("time", "monotonic", "perf_counter"):
            setattr(time, name, lambda: 1262304000.0)
        for name in ("time_ns", "monotonic_ns", "perf_counter_ns"):
            setattr(time, name, lambda: 1262304000 * 10**9)
        import spancast
        from spancast import destinations
        spancast.configure(destinations.otlp("http://127.0.0.1:9/v1/traces", timeout=0.2), spool=False)
        with spancast.trace(trace_name="Shop"):
            pass
        print(spancast.flush(0.3), spancast.shutdown(0.3))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "False False" == done.stdout.strip(), done.stderr
