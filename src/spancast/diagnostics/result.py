"""What the test of a destination found: steps and their result, as plain data and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..record.fast_frozen import frozen
from ..validation import SettingsError
from .error_codes import ERROR_CODES


@frozen(kw_only=True)
class Step:
    """One step of a test.

    Attributes:
        state: `ok`, `warning`, `failed` or `skipped`.
        detail: What was seen.
        code: Of a warning or failure: the error's code, for `spancast explain`.
        cause, fix: Of a warning or failure, in a sentence each.
        milliseconds: How long it took, where that says something.
    """

    name: str
    state: str = "ok"
    detail: str = ""
    code: str | None = None
    cause: str = ""
    fix: str = ""
    milliseconds: float | None = None


@frozen(kw_only=True)
class CheckResult:
    """What the test of a destination found.

    Attributes:
        destination: Its name.
        where: Where it sends to, without secrets.
        verdict: `passed`, or in a word or two what is wrong: `credentials`, `path`, `use protobuf`, `host`, `TLS`, ...
        latency_ms: From sending the span to the answer.
        trace_id: Of the test span, to look it up in the backend.
    """

    destination: str
    where: str
    steps: tuple[Step, ...]
    latency_ms: float | None = None
    trace_id: str | None = None

    @property
    def failure(self) -> Step | None:
        """The step that failed, if one did."""
        return next((step for step in self.steps if step.state == "failed"), None)

    @property
    def passed(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return self.failure is None

    @property
    def verdict(self) -> str:
        """`passed`, or what is wrong in a word or two."""
        failure = self.failure
        return "passed" if failure is None else ERROR_CODES[failure.code or "E100"].verdict

    @property
    def code(self) -> str | None:
        """The code of what failed."""
        return self.failure.code if self.failure else None

    def __bool__(self) -> bool:
        """Whether the test passed."""
        return self.passed

    def __str__(self) -> str:
        """Return what a human reads, without colours."""
        return "\n".join(lines_of(self))

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data, for `--json`."""
        return {
            "destination": self.destination,
            "where": self.where,
            "passed": self.passed,
            "verdict": self.verdict,
            "code": self.code,
            "latency_ms": self.latency_ms,
            "trace_id": self.trace_id,
            "steps": [
                {name: value for name in Step.__slots__ if (value := getattr(step, name)) not in (None, "")}  # type: ignore[attr-defined]
                for step in self.steps
            ],
        }


def with_metrics(result: CheckResult, metrics: CheckResult) -> CheckResult:
    """Return the result of a destination that takes metrics as well, tested after its spans."""
    further = tuple(replace(step, name=f"metrics {step.name}") for step in metrics.steps)
    return replace(result, steps=(*result.steps, *further))


MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "·"}


def lines_of(result: CheckResult) -> Iterator[str]:
    """Yield the lines of a test as people read them."""
    yield f"{result.destination}  {result.where}"
    for step in result.steps:
        took = f"  ({step.milliseconds:.0f} ms)" if step.milliseconds is not None else ""
        yield f"  {MARKS[step.state]} {step.name:<15} {step.detail}{took}".rstrip()
        if step.code:
            yield f"      {step.code}: {step.cause}"
            yield f"      fix: {step.fix}"
    yield f"  {'passed' if result.passed else 'failed: ' + result.verdict}"


def failure(name: str, code: str, detail: str = "", *, fix: str | None = None, cause: str | None = None) -> Step:
    """Return the step that failed (or warns, for a code `W...`) with *code*."""
    entry = ERROR_CODES[code]
    state = "warning" if code.startswith("W") else "failed"
    return Step(name=name, state=state, detail=detail, code=code, cause=cause or entry.cause, fix=fix or entry.fix)


def settings_failure(name: str, error: SettingsError) -> CheckResult:
    """Return the result for a destination that could not even be made."""
    step = failure("settings", error.code, str(error))
    return CheckResult(destination=name, where="(not made)", steps=(step,))
