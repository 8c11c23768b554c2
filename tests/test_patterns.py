"""Regular expressions: what the oldest Python releases match otherwise than the newest is not used."""

from __future__ import annotations

import importlib
import pkgutil
import re
import re._parser as sre  # type: ignore[import-not-found]
import warnings
from collections.abc import Iterator
from typing import Any

import spancast

_SIMPLE = frozenset(("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"))


def _expressions() -> Iterator[str]:
    """Yield what the modules keep as a compiled expression or as a text that could be one."""
    for module in pkgutil.walk_packages(spancast.__path__, "spancast."):
        try:
            found = vars(importlib.import_module(module.name))
        except ImportError:  # an extra that is not installed
            continue
        for name, value in found.items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                yield value.pattern
            elif isinstance(value, str) and not name.startswith("__") and "+" in value:
                yield value


def _risky(parsed: Any, inside: bool = False) -> Iterator[str]:
    """Yield what stands in a possessive group and is more than single characters, or a possessive run of those."""
    for code, argument in parsed:
        name = str(code)
        if name == "POSSESSIVE_REPEAT":
            body = argument[2]
            yield from _risky(body, inside=len(body) > 1 or str(body[0][0]) not in _SIMPLE)
        elif inside and name not in _SIMPLE:
            yield name
        else:
            parts = argument if isinstance(argument, (tuple, list)) else [argument]
            for part in [each for one in parts for each in (one if isinstance(one, list) else [one])]:
                if isinstance(part, sre.SubPattern):
                    yield from _risky(part, inside)


def _risks(expression: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(_risky(sre.parse(expression)))
        except re.error:
            return []


def test_a_possessive_quantifier_stands_around_single_characters() -> None:
    """Python before 3.11.5 (Debian 12 has 3.11.2) takes one piece too many where a group with alternatives fails."""
    assert ["ASSERT_NOT"] == _risks(r"(?:(?!a)b){4}+")
    assert ["BRANCH"] == _risks(r"x(?:\\\\(?:u1|[^u]))*+")
    assert [] == _risks(r"a*+(?:\\\\[^b][^c]*+)*+")
    expressions = set(_expressions())
    assert len(expressions) > 30
    assert {} == {text: found for text in expressions if (found := _risks(text))}
