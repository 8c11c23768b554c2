"""A strict reader of the part of TraceQL that the dashboard uses, after Tempo's grammar; it can run a query's filter.

`{ condition } | function(...) by (attribute, ...) | topk(n)`, where a condition compares attributes and intrinsics with
values, joined by `&&`, `||` and parentheses. What is not in here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"[^"\\]*")
    | (?P<duration>\d+(?:\.\d+)?(?:ns|us|ms|s|m|h)\b)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][\w.]*)
    | (?P<sign>&&|\|\||=~|!~|!=|<=|>=|[{}()|,=<>])
    )""",
    re.VERBOSE,
)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_KEYWORDS = {"error": "error", "ok": "ok", "unset": "unset", "true": True, "false": False, "nil": None}
_NUMBERS, _TEXTS = {"duration", "nestedSetParent"}, {"name", "status", "kind", "rootName"}
_PLAIN, _OF_A_VALUE = ("rate", "count_over_time"), ("sum", "min", "max", "avg", "quantile", "histogram")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "=~": lambda left, right: re.fullmatch(right, left) is not None,
    "!~": lambda left, right: re.fullmatch(right, left) is None,
}
Values = Mapping[str, Any]  # `span.x`, `resource.x` and intrinsics of one span
Condition = Callable[[Values], bool]


@dataclass
class Query:
    """A query: the spans that it looks at, the function over them, and every attribute that it names."""

    condition: Condition = field(default=lambda values: True)
    function: str = ""
    filtered: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    grouped: list[str] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = list(self._split(text))
        self.query = Query()

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str]]:
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise SyntaxError(f"unreadable at {text[at:]!r}")
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()

    def take(self, *expected: str) -> tuple[str, str]:
        """Take the next token, which is one of these kinds or signs."""
        kind, word = self.tokens.pop(0) if self.tokens else ("end", "")
        if not {kind, word} & set(expected):
            raise SyntaxError(f"{word!r} where one of {expected} belongs")
        return kind, word

    def next(self) -> str:
        return self.tokens[0][1] if self.tokens else ""

    def attribute(self) -> str:
        _, name = self.take("name")
        if not re.match(r"(?:span|resource)\.[\w.]*\w$", name) and name not in _NUMBERS | _TEXTS:
            raise SyntaxError(f"{name!r} is no attribute: write span. or resource. before it")
        return name

    def value(self, name: str, sign: str) -> Any:
        kind, word = self.take("string", "number", "duration", *_KEYWORDS)
        if (sign in ("=~", "!~") and kind != "string") or ((kind == "duration") != (name == "duration")):
            raise SyntaxError(f"{name} {sign} {word}: the value is of the wrong type")
        if kind == "string":
            return word[1:-1]
        if kind == "duration":
            digits, unit = re.fullmatch(r"([\d.]+)(\w+)", word).groups()  # type: ignore[union-attr]
            return float(digits) * _SECONDS[unit]
        return float(word) if kind == "number" else _KEYWORDS[word]

    def comparison(self) -> Condition:
        if self.next() == "(":
            self.take("(")
            inner = self.either()
            self.take(")")
            return inner
        name = self.attribute()
        self.query.filtered.append(name)
        _, sign = self.take(*_COMPARE)
        value, compare = self.value(name, sign), _COMPARE[sign]
        return lambda values: name in values and compare(values[name], value)

    def both(self) -> Condition:
        found = [self.comparison()]
        while self.next() == "&&":
            self.take("&&")
            found.append(self.comparison())
        return lambda values: all(each(values) for each in found)

    def either(self) -> Condition:
        found = [self.both()]
        while self.next() == "||":
            self.take("||")
            found.append(self.both())
        return lambda values: any(each(values) for each in found)

    def names(self) -> list[str]:
        self.take("(")
        found = [self.attribute()]
        while self.next() == ",":
            self.take(",")
            found.append(self.attribute())
        self.take(")")
        return found

    def stage(self) -> None:
        _, name = self.take("name")
        query, base = self.query, name.removesuffix("_over_time")
        if name == "select" and not query.function:
            query.selected = self.names()
        elif name in ("topk", "bottomk") and query.function:
            self.take("(")
            self.take("number")
            self.take(")")
        elif name in _PLAIN and not query.function:
            self.take("(")
            self.take(")")
        elif name != base and base in _OF_A_VALUE and not query.function:
            self.measure(base)
        else:
            raise SyntaxError(f"{name!r} does not belong here")
        if name in _PLAIN or base in _OF_A_VALUE:
            query.function = name
            if self.next() == "by":
                self.take("by")
                query.grouped = self.names()

    def measure(self, base: str) -> None:
        self.take("(")
        self.query.measured.append(self.attribute())
        shares = []
        while self.next() == ",":
            self.take(",")
            shares.append(float(self.take("number")[1]))
        if bool(shares) != (base == "quantile") or any(not 0 <= share <= 1 for share in shares):
            raise SyntaxError(f"{base}_over_time takes {'shares of 1' if base == 'quantile' else 'one attribute'}")
        self.take(")")

    def read(self) -> Query:
        self.take("{")
        if self.next() != "}":
            self.query.condition = self.either()
        self.take("}")
        while self.tokens:
            self.take("|")
            self.stage()
        return self.query


def read(text: str) -> Query:
    """Return what *text* asks for.

    Raises:
        SyntaxError: When it is not in the part of TraceQL that is known here.
    """
    return _Reader(text).read()
