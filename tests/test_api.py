"""The public names: users' code relies on them."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import pytest

import spancast
from spancast import destinations

from .public_api import BETWEEN_ROOMS, public_api

GOLDEN = Path(__file__).parent / "public_api.txt"
PUBLIC = [
    "DeliveryReport",
    "DestinationReport",
    "Pipeline",
    "SettingsError",
    "TraceFields",
    "TraceHandle",
    "__version__",
    "configure",
    "current_trace",
    "destinations",
    "flush",
    "report",
    "show",
    "shutdown",
    "trace",
]
DESTINATIONS = [
    "CheckResult",
    "Destination",
    "MemoryDestination",
    "SettingsError",
    "arize",
    "axiom",
    "braintrust",
    "console",
    "dash0",
    "datadog",
    "elastic",
    "file",
    "grafana_cloud",
    "honeycomb",
    "jaeger",
    "langfuse",
    "langsmith",
    "lightstep",
    "memory",
    "new_relic",
    "opik",
    "otlp",
    "phoenix",
    "sdk",
    "signoz",
    "tempo",
    "weave",
]
COMMON = [
    "name",
    "privacy_mode",
    "redact",
    "sampling_rate",
    "convention",
    "protocol",
    "compression",
    "headers",
    "timeout",
    "max_request_bytes",
    "resource",
]


def test_the_public_names_are_these() -> None:
    """A name that is added or taken away is a decision, made here."""
    assert PUBLIC == spancast.__all__ == dir(spancast)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads(name: str) -> None:
    """Names are loaded at their first use; each has a docstring, but the version."""
    value = getattr(spancast, name)
    assert True is (isinstance(value, str) if name == "__version__" else bool(inspect.getdoc(value)))


def test_a_name_that_is_not_there_is_said_as_python_says_it() -> None:
    """The lazy loading does not change what an AttributeError reads like."""
    with pytest.raises(AttributeError, match=r"module 'spancast' has no attribute 'nothing'"):
        spancast.nothing  # noqa: B018


def test_the_destinations_are_these() -> None:
    """The presets and their classes."""
    assert DESTINATIONS == sorted(destinations.__all__) == destinations.__all__
    assert [] == [name for name in DESTINATIONS if not hasattr(destinations, name)]


@pytest.mark.parametrize("preset", [destinations.console, destinations.file, destinations.memory])
def test_every_preset_takes_the_common_keywords(preset: type) -> None:
    """One vocabulary for all presets; local ones take what makes no difference to them too."""
    values = [
        "n",
        True,
        str.upper,
        0.5,
        "gen_ai",
        "http/json",
        "gzip",
        {"a": "b"},
        1.0,
        5000,
        {"team": "x"},
    ]
    destination = preset(**dict(zip(COMMON, values, strict=True)))
    assert ("n", True, 0.5, "gen_ai", 5000, {"team": "x"}) == (
        destination.name,
        destination.privacy_mode,
        destination.sampling_rate,
        destination.convention,
        destination.max_request_bytes,
        destination.resource,
    )


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (spancast.flush, "(timeout: 'float' = 5.0) -> 'bool'"),
        (spancast.shutdown, "(timeout: 'float' = 5.0) -> 'bool'"),
        (spancast.report, "() -> 'DeliveryReport'"),
        (spancast.current_trace, "() -> 'TraceHandle | None'"),
        (
            spancast.trace,
            "(*, kind: 'Kind | str | None' = None, input: 'object' = None, output: 'object' = None, "
            "capture_input: 'bool' = True, capture_output: 'bool' = True, **fields: 'object') -> 'None'",
        ),
    ],
)
def test_the_signatures_are_these(function: object, expected: str) -> None:
    """Arguments, defaults and results of the small functions are fixed."""
    assert expected == str(inspect.signature(function))  # type: ignore[arg-type]


def test_configure_and_pipeline_take_the_same_keywords() -> None:
    """What one takes the other takes; a signal is the process's, so only `configure` takes it over."""
    common = list(inspect.signature(spancast.Pipeline).parameters)
    assert [*common, "handle_sigterm"] == list(inspect.signature(spancast.configure).parameters)


def test_everything_that_users_rely_on_is_as_written() -> None:
    """Signatures, defaults, fields, presets, commands and their options: `UPDATE_GOLDENS=1` writes the file anew."""
    said = public_api()
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDEN.write_text(said, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == said


def test_the_written_api_holds_what_the_documents_promise() -> None:
    """The file is not empty of what matters: one line of each kind."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    promised = [
        "flush(timeout: float = 5.0) -> bool",
        "class trace(*, kind: Kind | str | None = None, input: object = None, output: object = None, "
        "capture_input: bool = True, capture_output: bool = True, **fields: object)",
        "    sampling_rate: float = 1.0",
        "    sampled_out: int",
        "    traceparent: str",
        "    parent_span_id: str | None",
        "    RERANKER = 'RERANKER'",
        "spancast destinations add tempo",
        "    --tenant VALUE",
        "    --header VALUE (repeatable)",
        "spancast replay",
    ]
    assert [] == [line for line in promised if line not in lines]


def test_what_is_left_out_of_the_written_api_exists() -> None:
    """An exception for a name that is gone is forgotten, not kept."""
    gone = []
    for name in sorted(BETWEEN_ROOMS):
        kind, _, member = name.partition(".")
        home = getattr(spancast, kind, None) or getattr(destinations, kind)
        if not hasattr(home, member) and member not in getattr(home, "__dataclass_fields__", {}):
            gone.append(name)
    assert [] == gone
