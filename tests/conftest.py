"""What all tests share: faults of ours are raised, warnings are said again, and a pipeline that keeps its spans."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import spancast
from spancast.destinations import MemoryDestination
from spancast.record import prices
from spancast.recording import field_names, guard, notice


def pytest_configure(config: pytest.Config) -> None:
    """Let warnings be errors that are of this project; on a Python that the locked packages may not know yet, no others."""
    if sys.version_info >= (3, 14):
        config.addinivalue_line("filterwarnings", "default:::(?!spancast|tests)")


# no deadlines: speed belongs to benchmarks/; the first text that hypothesis draws builds its tables
# Where a gate decides (CI), the made-up inputs are the same each time: what it says does not hang on chance.
settings.register_profile(
    "daily",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=30,
    derandomize=bool(os.environ.get("CI")),
)
settings.register_profile("thorough", settings.get_profile("daily"), max_examples=100)
settings.load_profile("daily")  # `scripts/test --slow` asks for the thorough one

# Folders and files of tests that run whole programs, servers of others or package builds: the second stage.
WHOLE_PROGRAMS = ("benchmarks/", "differential/", "package/", "test_examples.py", "test_nesting_scoreboard.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `slow` what runs whole programs, and as `alone` what sends signals; other tests have their marks."""
    for item in items:
        inside = item.path.relative_to(Path(__file__).parent).as_posix()
        if inside.startswith(WHOLE_PROGRAMS) or "soak" in item.path.stem:
            item.add_marker("slow")
        if inside.startswith("delivery/") and _sends_signals(item.path):
            item.add_marker("alone")


@cache
def _sends_signals(path: Path) -> bool:
    """Return whether a module stops or kills other processes: what these do in how long is what it tests."""
    source = path.read_text(encoding="utf-8")
    return "SIGTERM" in source or "SIGKILL" in source


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Raise faults of our own instead of counting them, and forget which warnings were said."""
    monkeypatch.setattr(guard, "strict", True)
    notice.forget()
    field_names.forget()
    monkeypatch.setattr(prices, "_prices", lambda: None)  # price lists change; goldens must not
    monkeypatch.setenv("SPANCAST_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SPANCAST_CONFIG_DIR", str(tmp_path / "config"))
    for name in ("ARIZE_API_KEY", "ARIZE_SPACE_ID", "ARIZE_PROJECT_NAME", "OPENROUTER_API_KEY", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ENDPOINT", "TRACES_ENDPOINT", "HEADERS", "TRACES_HEADERS", "PROTOCOL", "TIMEOUT", "COMPRESSION"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)


@pytest.fixture
def memory() -> MemoryDestination:
    """Return the destination of `pipeline`, in OpenInference."""
    return spancast.destinations.memory(convention="openinference")


@pytest.fixture
def pipeline(memory: MemoryDestination) -> Iterator[spancast.Pipeline]:
    """Return a pipeline in use that keeps its spans in `memory`."""
    with spancast.Pipeline(memory) as pipeline:
        yield pipeline
