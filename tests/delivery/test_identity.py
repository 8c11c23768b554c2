"""Whose spans lie in which folder: nothing is sent with another's key, or as it was before a stricter setting."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spancast import destinations, redact
from spancast.delivery.identity import folder_of

URL = "http://collector:4318/v1/traces"


def hide(text: str) -> str:
    """Redact."""
    return re.sub(r"\d+", "#", text)


def hide_more(text: str) -> str:
    """Redact more."""
    return re.sub(r"\w+", "#", text)


def hiding(pattern: str) -> Callable[[str], str]:
    """Return a function that differs from others of its kind in what it refers to only."""
    compiled = re.compile(pattern)

    def inner(text: str) -> str:
        return compiled.sub("#", text)

    return inner


def folder(base: Path, **settings: Any) -> str:
    """Return the name of the folder of a destination."""
    found = folder_of(base, destinations.otlp(URL, **settings))
    assert found is not None
    return found.name


@pytest.mark.parametrize(
    "settings",
    [
        {"privacy_mode": True},
        {"media": False},
        {"max_content_chars": 100},
        {"redact": hide},
        {"redact": redact.secrets},
        {"convention": "openinference"},
        {"headers": {"Authorization": "Bearer one"}},
        {"resource": {"team": "a"}},
    ],
    ids=lambda settings: ", ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in settings.items()),
)
def test_what_shapes_the_bytes_or_says_who_may_read_them_is_in_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Another setting is another folder; the same setting, made anew as by the next process, is the same."""
    assert folder(tmp_path) != folder(tmp_path, **settings)
    assert folder(tmp_path, **settings) == folder(tmp_path, **settings)


def test_functions_are_told_apart_by_what_they_do(tmp_path: Path) -> None:
    """By their code and all that they refer to."""
    made = [folder(tmp_path, redact=each) for each in (hide, hide_more, hiding("a"), hiding("b"), redact.patterns("a"))]
    assert len(made) == len(set(made))
    assert folder(tmp_path, redact=hiding("a")) == folder(tmp_path, redact=hiding("a"))


def test_headers_of_a_function_belong_to_one_destination(tmp_path: Path) -> None:
    """Two tenants may have the same function: nobody can tell whose key it returns."""

    def tenant(name: str) -> Any:
        return destinations.otlp(URL, headers=lambda: {"Authorization": name})

    one, other = tenant("acme"), tenant("globex")
    assert folder_of(tmp_path, one) == folder_of(tmp_path, one) != folder_of(tmp_path, other)


def test_a_folder_without_the_salt_tells_nothing(tmp_path: Path) -> None:
    """Another machine's folder for the same settings has another name; the salt is for its owner only."""
    settings: dict[str, Any] = {"headers": {"Authorization": "Bearer guess"}}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert folder(tmp_path / "a", **settings) != folder(tmp_path / "b", **settings)
    assert 0o600 == stat.S_IMODE((tmp_path / "a" / "salt").stat().st_mode)
