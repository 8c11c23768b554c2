"""TraceDecision: what is decided of a trace when its root closes. Its operations share it; the tail sampler writes to it."""

from __future__ import annotations


class TraceDecision:
    """The decision about one trace.

    Attributes:
        pending_mask: The bits of the destinations that decide at the end.
        chosen_mask: Of them, those whose sampling rate has chosen the trace.
        root_span_id: The id of the span that closes last, with the root.
        has_low_score: A judgement of it, or of a span in it, is a bad one.
        keep: Whether any of these destinations keeps it, once that is decided.
        reasons: By destination why it is kept.
    """

    __slots__ = ("chosen_mask", "has_low_score", "keep", "pending_mask", "reasons", "root_span_id")

    def __init__(self, pending_mask: int, root_span_id: int = 0, chosen_mask: int = 0) -> None:
        self.pending_mask = pending_mask
        self.chosen_mask = chosen_mask
        self.root_span_id = root_span_id
        self.has_low_score = False
        self.keep: bool | None = None
        self.reasons: dict[int, str] = {}

    def kept_mask(self) -> int:
        """Return the bits of the destinations that keep it, once that is decided."""
        return sum([1 << index for index in self.reasons])
