"""What the user asked the LlamaIndex adapter to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..record.fast_frozen import frozen
from ..recording.fields import EMPTY, TraceFields

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline


@frozen()
class InstrumentationOptions:
    """The arguments of `instrument` and `set_global_handler`.

    Attributes:
        pipeline: Records into this one; else into the one in use when a call begins.
        made_in: The pipeline that was in use where the user asked: plain threads do not see the block around it.
        everything: Shows every layer.
        vectors: Keeps embedding vectors.
        defaults: Trace fields that hold when nothing nearer says otherwise.
    """

    pipeline: Pipeline | None = None
    made_in: Pipeline | None = None
    everything: bool = False
    vectors: bool = False
    defaults: TraceFields = EMPTY
