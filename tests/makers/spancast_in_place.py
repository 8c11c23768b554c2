"""A pytest plugin that puts spancast in the place of the makers' instrumentors, and notes how each of their tests went.

Loaded with `-p spancast_in_place`, before their conftest imports the instrumentors. A test is asked of us when it reads
spans: when it asks for their exporter fixture. Tests of their private functions are not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import opentelemetry.context
import pytest
import their_fixtures
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from set_aside import live_context, set_aside

import spancast
from spancast import destinations

_EXPORTERS = frozenset({"in_memory_span_exporter", "span_exporter"})
_OUTCOMES: dict[str, dict[str, str]] = {}
_NOT_ASKED: list[str] = []
_ABSENT: list[str] = []


# ------------------------------------------------------------------ in their place
def _exporter_of(provider: Any) -> Any:
    processors = provider._active_span_processor._span_processors
    return next(each.span_exporter for each in processors if hasattr(each, "span_exporter"))


class _Kept:
    """Their exporter, which stays open when a second `instrument()` replaces the pipeline: they look into it at the end."""

    def __init__(self, exporter: Any) -> None:
        self.export = exporter.export

    def shutdown(self) -> None:
        """Stay open."""


def _in_place(framework: str, convention: str) -> type:
    """Return a class that is called like an instrumentor, and starts spancast's."""

    class InPlace:
        is_instrumented_by_opentelemetry = True

        def instrument(
            self, tracer_provider: Any = None, content_capture: str = "", meter_provider: Any = None, **_: Any
        ) -> None:
            capture = content_capture or os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
            exporter = _Kept(_exporter_of(tracer_provider))
            privacy = capture in ("NO_CONTENT", "EVENT_ONLY")
            targets = [destinations.sdk(exporter, convention=convention, privacy_mode=privacy)]
            if isinstance(meter_provider, their_fixtures.ReadProvider) and meter_provider.reader._collect is None:
                targets.append(destinations.sdk_metrics(meter_provider.reader))
            spancast.configure(*targets, spool=False)
            _instrumentation(framework).instrument()

        def uninstrument(self, **_: Any) -> None:
            _instrumentation(framework).uninstrument()

        _uninstrument = uninstrument

    return InPlace


def _instrumentation(framework: str) -> Any:
    from spancast import langchain, llama_index

    return {"langchain": langchain, "llama_index": llama_index}[framework]


for _module, _class, _framework, _convention in (
    ("openinference.instrumentation.langchain", "LangChainInstrumentor", "langchain", "openinference"),
    ("openinference.instrumentation.llama_index", "LlamaIndexInstrumentor", "llama_index", "openinference"),
    ("opentelemetry.instrumentation.genai.langchain", "LangChainInstrumentor", "langchain", "gen_ai"),
):
    with suppress(ImportError):
        setattr(__import__(_module, fromlist=[_class]), _class, _in_place(_framework, _convention))

_finished_before = InMemorySpanExporter.get_finished_spans


_SET_ASIDE = tuple(filter(None, os.environ.get("SPANCAST_MAKERS_SET_ASIDE", "").split(",")))


def _finished(self: InMemorySpanExporter) -> Any:
    spancast.flush(5)
    return set_aside(_finished_before(self), _SET_ASIDE)


InMemorySpanExporter.get_finished_spans = _finished  # type: ignore[method-assign]
if "expired_spans" in _SET_ASIDE:
    opentelemetry.context.get_current = live_context(opentelemetry.context.get_current)


# ------------------------------------------------------------------ what their tests import and nobody publishes
@contextmanager
def _instrument(instrumentor: Any, **settings: Any) -> Iterator[Any]:
    instrumentor.instrument(**settings)
    try:
        yield instrumentor
    finally:
        instrumentor.uninstrument()


def _stand_in(name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__path__ = []  # type: ignore[attr-defined]
    module.__getattr__ = lambda attribute: _absent_attribute(name, attribute)  # type: ignore[method-assign]
    vars(module).update(contents)
    sys.modules[name] = module


def _absent_attribute(module: str, attribute: str) -> Any:
    if attribute.startswith(("__", "pytest_")):
        raise AttributeError(attribute)
    return MagicMock(name=f"{module}.{attribute}")


def _stand_ins() -> None:
    """Stand in for what is not installed, so that a conftest which imports it can be loaded; who needs it is not asked."""
    own = "opentelemetry.test_util_genai"
    _stand_in(own)
    _stand_in(f"{own}.instrumentor", instrument=_instrument)
    _stand_in(f"{own}.fixtures")
    unchanged = dict.fromkeys(
        ("scrub_response_headers", "scrub_response_headers_overwrite"), lambda _: lambda answer: answer
    )
    _stand_in(f"{own}.vcr", **unchanged)
    _stand_in(f"{own}.logs", assert_no_warnings=their_fixtures.no_warnings)
    for name in ("conformance", "scope"):
        _stand_in(f"{own}.{name}")
    for package in (
        "boto3",
        "langchain_anthropic",
        "langchain_aws",
        "langchain_google_genai",
        "langchain_google_vertexai",
    ):
        try:
            __import__(package)
        except ImportError:
            _ABSENT.append(package)
            _stand_in(package)


_stand_ins()


# ------------------------------------------------------------------ pytest
def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures that nobody publishes; a conftest's own come before them."""
    config.pluginmanager.register(their_fixtures.Fixtures(), "their-fixtures")
    if not config.pluginmanager.hasplugin("recording"):
        config.pluginmanager.register(their_fixtures.Cassettes(), "their-cassettes")
        config.addinivalue_line("markers", "vcr: played back from a cassette")


def pytest_fixture_setup(fixturedef: Any, request: Any) -> Any:
    """Their fixture also looks for their own handler and metrics: ours stands in for it."""
    if fixturedef.argname != "instrument_langchain":
        return None
    provider = request.getfixturevalue("tracer_provider")
    capture = request.getfixturevalue("content_capture").name
    instrumentor = _in_place("langchain", "gen_ai")()
    meters = request.getfixturevalue("meter_provider")
    instrumentor.instrument(tracer_provider=provider, content_capture=capture, meter_provider=meters)
    fixturedef.addfinalizer(instrumentor.uninstrument)
    fixturedef.cached_result = (None, fixturedef.cache_key(request), None)
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask only what reads spans."""
    asked = [item for item in items if not _EXPORTERS.isdisjoint(getattr(item, "fixturenames", ()))]
    ids = {item.nodeid for item in asked}
    _NOT_ASKED.extend(item.nodeid for item in items if item.nodeid not in ids)
    items[:] = asked
    for module in {item.getparent(pytest.Module).obj for item in asked}:
        if hasattr(module, "_assert_no_runs"):  # what their own handler still has open
            module._assert_no_runs = lambda: None


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that cannot be imported: what it needs is not installed, or is no more."""
    if report.failed:
        last = str(report.longrepr).strip().splitlines()
        _OUTCOMES[report.nodeid] = {"outcome": "not importable", "why": last[-1][:300] if last else ""}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test went: the worst of its phases."""
    before = _OUTCOMES.get(report.nodeid, {}).get("outcome")
    if (report.when != "call" and report.passed) or before == "failed":
        return
    crash = getattr(report.longrepr, "reprcrash", None)
    why = crash.message if crash is not None else str(report.longrepr or "")
    outcome = "expected failure" if hasattr(report, "wasxfail") else report.outcome
    _OUTCOMES[report.nodeid] = {"outcome": outcome, "why": " ".join(why.split())[:300]}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write what was noted where the command that started this reads it."""
    path = os.environ.get("SPANCAST_MAKERS_RESULTS")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"tests": _OUTCOMES, "not_asked": _NOT_ASKED, "absent": _ABSENT}, file)
