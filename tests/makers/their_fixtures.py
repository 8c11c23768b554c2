"""The fixtures that OpenTelemetry's tests take from an unpublished package of theirs, as their conftest uses them."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

import spancast


class FlushedReader(InMemoryMetricReader):
    """A reader whose sums have all that was recorded: spancast counts in its encoder's thread."""

    def get_metrics_data(self) -> Any:
        """Flush, then collect."""
        spancast.flush(5)
        return super().get_metrics_data()


class ReadProvider(MeterProvider):
    """A provider without a reader of its own: spancast's sums go to *reader*, whose test asks it."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        super().__init__()
        self.reader = reader


class NoRandomFlag(RandomIdGenerator):
    """Ids without W3C's flag for random ones, which spancast does not hand on."""

    def is_trace_id_random(self) -> bool:
        """Return False."""
        return False


@contextmanager
def no_warnings(caplog: pytest.LogCaptureFixture, logger: str) -> Iterator[None]:
    """Fail where *logger* warned inside of the block."""
    with caplog.at_level(logging.WARNING, logger=logger):
        yield
    assert [] == [each.getMessage() for each in caplog.records if each.name == logger and each.levelno >= 30]


class Fixtures:
    """Registered as a plugin; what their conftest defines itself comes first."""

    @pytest.fixture
    def span_exporter(self) -> InMemorySpanExporter:
        return InMemorySpanExporter()

    @pytest.fixture
    def tracer_provider(self, span_exporter: InMemorySpanExporter) -> TracerProvider:
        provider = TracerProvider(id_generator=NoRandomFlag())
        provider.add_span_processor(SimpleSpanProcessor(span_exporter))
        return provider

    @pytest.fixture
    def metric_reader(self) -> InMemoryMetricReader:
        return FlushedReader()

    @pytest.fixture
    def meter_provider(self, metric_reader: InMemoryMetricReader) -> MeterProvider:
        return ReadProvider(metric_reader)

    @pytest.fixture
    def log_exporter(self) -> Any:
        from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter

        return InMemoryLogRecordExporter()

    @pytest.fixture
    def logger_provider(self, log_exporter: Any) -> Any:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
        return provider

    @pytest.fixture(params=["SPAN_ONLY", "NO_CONTENT"])
    def content_capture(self, request: pytest.FixtureRequest) -> Any:
        from opentelemetry.util.genai.types import ContentCapturingMode

        return ContentCapturingMode[request.param]


class Cassettes:
    """The fixtures `vcr` and `vcr_cassette`, which play answers back from a test's cassette and never ask the network."""

    @pytest.fixture
    def vcr(self, request: pytest.FixtureRequest) -> Any:
        import vcr

        recorder = vcr.VCR(
            cassette_library_dir=str(Path(request.node.fspath).parent / "cassettes"),
            record_mode="none",
            **{**request.getfixturevalue("vcr_config"), "decode_compressed_response": True},
        )
        recorder.register_matcher("body", _same_body)
        return recorder

    @pytest.fixture(autouse=True)
    def cassette_of_the_marker(self, request: pytest.FixtureRequest) -> Iterator[None]:
        if request.node.get_closest_marker("vcr") is None or "vcr" in inspect.signature(request.function).parameters:
            yield
            return
        name = request.node.name.partition("[")[0]
        with request.getfixturevalue("vcr").use_cassette(f"{name}.yaml"):
            yield


def _same_body(first: Any, second: Any) -> None:
    assert _data(first.body) == _data(second.body)


def _data(body: Any) -> Any:
    """Return a body as data where it is JSON: a cassette has it with line breaks."""
    try:
        return json.loads(body)
    except (TypeError, ValueError):
        return body
