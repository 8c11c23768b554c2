"""Redaction: a user's function on every text; where it fails, the content does not leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from ..own_threads import is_for_this_thread, untraced
from ..record.fast_frozen import frozen
from ..record.json import JSON
from ..record.operation import NOTHING, Operation
from .allow_list import without_content
from .names import short_name
from .secrets import is_secret_name

Redact = Callable[[str], str]

_MAX_DEPTH = 40  # levels of plain data that are walked; what lies deeper does not leave
_LONG_NUMBER = 10**8  # from nine digits on, a number may be one of a card or an account
_MAX_NAMED = 10_000  # characters of a value that is also shown as `name: value`
_OWN_ROLES = frozenset({"system", "user", "assistant", "tool"})
_OWN_WORDS = frozenset({"modality", "operation", "source", "finish_reason", "finish_reasons", "annotator", "scope"})
"""Fields whose words are our own or a provider's, and which decide how a span is rendered."""


@frozen()
class Redaction:
    """Applies a user's *redact* to every text and every long number in an operation.

    A value that has a name is also shown as `name: value`, so that a function which recognises secrets by their names
    recognises those in structured data. Where *redact* raises or returns no text, the content is dropped, and *failed* is
    called with the error.
    """

    redact: Redact
    failed: Callable[[BaseException], None] = lambda error: None

    def __call__(self, operation: Operation) -> Operation:
        """Return *operation* with redacted content."""
        try:
            return untraced(self._redacted, operation)
        except BaseException as error:  # fail closed: content that could not be redacted does not leave
            if is_for_this_thread(error):
                raise
            self.failed(error)
            # redact would have seen names and metadata too
            kind = operation.kind.value.lower()
            return replace(without_content(operation), name=kind, given_name=None, metadata=NOTHING, **_NOBODY)

    def _redacted(self, operation: Operation) -> Operation:
        failure = operation.failure
        return replace(
            operation,
            name=self._text(operation.name),
            given_name=self._optional(operation.given_name),
            user=self._optional(operation.user),
            session_id=self._optional(operation.session_id),
            agent=self._optional(operation.agent),
            node=self._optional(operation.node),
            input=self.data(operation.input),
            output=self.data(operation.output),
            detail=self._detail(operation.detail),
            failure=replace(
                failure,
                type=self._text(failure.type),
                message=self._text(failure.message),
                stacktrace=self._text(failure.stacktrace),
            )
            if failure
            else None,
            events=tuple(
                replace(event, name=self._text(event.name), attributes=self._mapping(event.attributes))
                for event in operation.events
            ),
            links=tuple(replace(link, attributes=self._mapping(link.attributes)) for link in operation.links),
            attributes=self._mapping(operation.attributes),
            metadata=self._mapping(operation.metadata),
            tags=tuple(self._text(tag) for tag in operation.tags),
            scores=tuple(map(self._detail, operation.scores)) if operation.scores else (),
        )

    def _optional(self, text: str | None) -> str | None:
        return self._text(text) if text else text

    def _text(self, text: str) -> str:
        redacted = self.redact(text) if text else text
        if not isinstance(redacted, str):
            raise TypeError(f"redact returned {type(redacted).__name__}, not text")
        return redacted

    def _named(self, name: str, text: str) -> str:
        """Return *text* redacted, by itself and as the value of *name*."""
        redacted = self._text(text)
        if not name or not redacted or len(redacted) > _MAX_NAMED:
            return redacted
        shown = f"{name}: {redacted}"
        found = self._text(shown)
        if found == shown or found.endswith(f": {redacted}"):
            return redacted
        return found.removeprefix(f"{name}: ")

    def _number(self, name: str, value: float) -> JSON:
        if type(value) is bool or not (abs(value) >= _LONG_NUMBER or is_secret_name(name)):
            return value
        text = str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)
        redacted = self._named(name, text)
        return value if redacted == text else redacted

    def data(self, value: JSON, name: str = "", depth: int = _MAX_DEPTH) -> JSON:
        """Return plain data redacted; *name*: the key or the field under which it stands. Raises what *redact* raises."""
        if isinstance(value, str):
            return self._named(name, value)
        if isinstance(value, (int, float)):
            return self._number(name, value)
        if value is None:
            return None
        if not depth:
            return f"<{type(value).__name__}>"
        if isinstance(value, Mapping):
            return self._mapping(value, depth, name)
        return [self.data(item, name, depth - 1) for item in value]

    def _mapping(self, value: Mapping[str, JSON], depth: int = _MAX_DEPTH, outer: str = "") -> Mapping[str, JSON]:
        """Redact keys too, as in `{"jane@example.com": 3}`. Those that become equal are numbered.

        *outer*: the name under which the mapping itself stands. What stands under a secret's name is a secret, whatever its
        own key: `{"password": {"value": ...}}`; and `{"name": "password", "value": ...}` has its name beside it.
        """
        outer = outer if outer and is_secret_name(outer) else _named_beside(value)
        redacted: dict[str, JSON] = {}
        counts: dict[str, int] = {}
        for key, item in value.items():
            name = text = self._text(key)
            while name in redacted:
                counts[text] = counts.get(text, 1) + 1
                name = f"{text} ({counts[text]})"
            redacted[name] = self.data(item, outer or key, depth - 1)
        return redacted

    def _detail(self, value: Any) -> Any:
        """Redact every text in a detail, names, ids and parameters among them."""
        if not is_dataclass(value) or isinstance(value, type):
            return self.data(cast("JSON", value))
        changes: dict[str, Any] = {}
        for field in fields(value):
            held = getattr(value, field.name)
            if held is None or isinstance(held, (bool, int, float)):
                continue
            if field.name in _OWN_WORDS and _are_words(held):
                continue
            if not field.init:  # what was written of a message as it is; the redacted copy begins without
                continue
            if field.name == "role" and held in _OWN_ROLES:
                continue
            if isinstance(held, tuple):
                changes[field.name] = tuple([self._detail(item) for item in held])
            else:
                changes[field.name] = self._detail(held)
        return replace(value, **changes)


def _are_words(value: object) -> bool:
    """Return whether a field has words as `stop` or `end_turn`: a provider that writes a sentence there is redacted."""
    return all([short_name(word) == word for word in (value if isinstance(value, tuple) else (value,))])


def _named_beside(value: Mapping[str, JSON]) -> str:
    """Return the secret's name in `{"name": ..., "value": ...}`, as lists of headers and variables have it; else nothing."""
    if len(value) > 4 or "value" not in value:
        return ""
    name = value.get("name") or value.get("key")
    return name if isinstance(name, str) and is_secret_name(name) else ""


_NOBODY: Mapping[str, Any] = {"user": None, "session_id": None, "agent": None, "node": None}
