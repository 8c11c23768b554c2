"""A recording of model calls as a file of JSON lines: readable, without secrets, and the same when it is made again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ..capture.model_calls import Answer, Request

_MAX_DEPTH: Final = 48  # levels of a value; what lies deeper becomes text
_LONG: Final = 512  # characters without a space: an image, a signature; a request has its digest
_IDS: Final = frozenset(
    {"id", "tool_call_id", "call_id", "item_id", "response_id", "tool_use_id", "previous_response_id"}
)
_ARGUMENTS: Final = frozenset(
    {"args", "arguments", "input", "tool_kwargs", "parsed", "output", "result"}
)  # the application's
_METADATA: Final = frozenset({"response_metadata", "raw", "additional_kwargs"})  # the provider's
_PREFIX = re.compile(r"[A-Za-z]{1,20}(?=[-_])")
# What is another one in each run, and nothing that an application decides by.
_UNSTABLE: Final = frozenset(
    {"created", "created_at", "completed_at", "system_fingerprint", "request_id", "_request_id", "headers", "timestamp"}
    | {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "queue_time", "total_time"}
)

Redact = Callable[[str], str]


class RecordingError(ValueError):
    """A file that is no recording; the text says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of a model: what it was asked, and its answers (several where `n` of them were asked for).

    Attributes:
        partial: Made from a span: media, settings and the parts that only a framework has are unknown.
    """

    request: Request
    answers: Sequence[Answer]
    partial: bool = False


def save(path: Path, calls: Iterable[RecordedCall]) -> None:
    """Write a recording; ids are numbered in the order of the file."""
    numbers = Numbered()
    lines = []
    for call in calls:
        line: dict[str, Any] = {"request": numbers.of(call.request)}
        answers = [numbers.of(each) for each in call.answers]
        line |= {"answer": answers[0]} if len(answers) == 1 else {"answers": answers}
        lines.append(orjson.dumps(line) + b"\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))


class Numbered:
    """Replaces ids by numbered ones, the same id by the same one: `call_Xk2...` becomes `call_1`."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def of(self, value: Any, key: str = "") -> Any:
        """Return *value* with its ids numbered."""
        if isinstance(value, dict):
            return {name: each if name in _ARGUMENTS else self.of(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self.of(each) for each in value]
        if key in _IDS and isinstance(value, str) and value:
            prefix = found[0] if (found := _PREFIX.match(value)) else "id"
            return self._numbers.setdefault(value, f"{prefix}_{len(self._numbers) + 1}")
        return value


def plain(value: Any, redact: Redact, *, digest: bool, metadata: bool = False, depth: int = _MAX_DEPTH) -> Any:
    """Return *value* as the recording has it: JSON, without secrets and without what changes with each run.

    Args:
        digest: Long texts without a space, such as images, become their digest: enough to compare them.
        metadata: Whether *value* is what a provider says about an answer, with its times and fingerprints.
    """
    if isinstance(value, str):
        if digest and len(value) > _LONG and " " not in value[:_LONG] and "\n" not in value[:_LONG]:
            found = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:32]
            return f"sha256:{found} ({len(value)} characters)"
        return redact(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if depth <= 0:
        return str(value)[:_LONG]
    if isinstance(value, dict):
        return {
            str(key): plain(each, redact, digest=digest, metadata=metadata or key in _METADATA, depth=depth - 1)
            for key, each in value.items()
            if not metadata or key not in _UNSTABLE
        }
    if isinstance(value, (list, tuple)):
        return [plain(each, redact, digest=digest, metadata=metadata, depth=depth - 1) for each in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return plain(bytes(value).hex(), redact, digest=digest)
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return plain(dump(exclude_none=True), redact, digest=digest, metadata=metadata, depth=depth - 1)
    return redact(str(value)[:_LONG])
