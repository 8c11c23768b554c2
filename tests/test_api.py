"""The public names: users' code relies on them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations

from .public_api import BETWEEN_ROOMS, public_api

GOLDEN = Path(__file__).parent / "public_api.txt"
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


@pytest.mark.parametrize("name", spancast.__all__)
def test_every_public_name_loads(name: str) -> None:
    """Names are loaded at their first use; each has a docstring, but the version."""
    value = getattr(spancast, name)
    assert True is (isinstance(value, str) if name == "__version__" else bool(inspect.getdoc(value)))


def test_a_name_that_is_not_there_is_said_as_python_says_it() -> None:
    """The lazy loading does not change what an AttributeError reads like."""
    with pytest.raises(AttributeError, match=r"module 'spancast' has no attribute 'nothing'"):
        spancast.nothing  # noqa: B018


@pytest.mark.parametrize("public", [spancast.configure, spancast.trace])
def test_each_parameter_is_described(public: Callable[..., Any]) -> None:
    """The reference is made of the docstrings: each parameter has its line there."""
    named = [name for name in inspect.signature(public).parameters if name != "self"]
    assert [] == [name for name in named if f"    {name}: " not in (inspect.getdoc(public) or "")]


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


def test_what_is_left_out_of_the_written_api_exists() -> None:
    """An exception for a name that is gone is forgotten, not kept."""
    gone = []
    for name in sorted(BETWEEN_ROOMS):
        kind, _, member = name.partition(".")
        home = getattr(spancast, kind, None) or getattr(destinations, kind)
        if not hasattr(home, member) and member not in getattr(home, "__dataclass_fields__", {}):
            gone.append(name)
    assert [] == gone
