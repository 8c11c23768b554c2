"""The console: one line a span."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...record.fast_frozen import frozen
from ..destination import Destination, Exporter, ResourceSource
from ..factory import keywords_checked, local_destination
from ..registry import LOCAL

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")  # and what turns the direction


class ConsoleExporter:
    """Prints one line a span."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out

    def encode(self, span: Span) -> Span:
        """Keep the span as it is."""
        return span

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Print the batch; a closed console is no reason to try again."""
        out = self._out or sys.stderr
        try:
            out.write("".join(line_of(span) + "\n" for span in batch))
            out.flush()
        except (OSError, ValueError) as error:
            return Outcome(verdict=Verdict.REFUSED, reason="console", message=f"cannot print: {type(error).__name__}")
        return DELIVERED

    def close(self) -> None:
        """The console is not ours to close."""


def line_of(span: Span) -> str:
    """Return one span as one line: trace, kind, name, duration, status."""
    seconds = (span.end_ns - span.start_ns) / 1e9
    status = ("", " ok", " ERROR")[span.status_code]
    text = f" {span.status_message}" if span.status_message else ""
    where = f"{span.trace_id:032x}"[:8]
    line = f"[{where}] {span.operation_kind.value:<9} {span.name}  {seconds:.3f} s{status}{text}"
    return _CONTROL.sub(" ", line)  # texts come from anywhere, and escape sequences act on the terminal


@frozen()
class ConsoleTarget:
    """The console: standard error, unless another stream is set."""

    out: TextIO | None = None

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that prints."""
        return ConsoleExporter(self.out)

    def describe(self) -> str:
        """Say so."""
        return "console"

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Say that there is no connection to test."""
        step = Step(name="here", detail="nothing to connect to")
        return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))


@keywords_checked
def console(out: TextIO | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Print one line a span, to standard error or to *out*."""
    return local_destination("console", ConsoleTarget(out), "gen_ai", common)


LOCAL["console"] = console
