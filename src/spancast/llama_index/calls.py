"""What the handlers know of a call while anything of it goes on, and what the user asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..recording.current import Attachment
from ..recording.fields import EMPTY, TraceFields
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder

if TYPE_CHECKING:
    from ..pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for.

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


class Call:
    """A call that the dispatcher told us of, from its beginning to the end of what it gave back."""

    __slots__ = (
        "arguments",
        "event",
        "id",
        "instance",
        "layered",
        "member",
        "method",
        "operation",
        "outer",
        "parent",
        "pieces",
        "raw",
        "recorder",
        "role",
        "shown",
        "told",
        "visit",
    )

    def __init__(self, id: str, recorder: Recorder, role: str, instance: Any, method: str, outer: Call | None) -> None:
        self.id = id
        self.recorder = recorder
        self.role = role
        self.instance = instance
        self.method = method
        self.outer = outer
        self.shown = False
        self.operation: OpenOperation | None = (
            None  # its own where it is shown, else that of the call it is folded into
        )
        self.layered: Call | None = None  # the model call of which this one is a layer
        self.parent = False  # something is shown beneath it
        self.arguments: Mapping[str, Any] = {}  # of a layer with a prompt template
        self.event: Any = None  # what a step was started with
        self.member: Member | None = None  # of a workflow of several agents: the one that is at work
        self.visit: Attachment | None = None
        self.raw: Any = None  # the last raw answer with token counts in a stream
        self.pieces: list[str] | None = None  # of a chat engine's streamed answer, where LlamaIndex does not keep it
        self.told = False  # the model's integration sends events, so the end of a stream will be told


class Member:
    """An agent at work in a workflow of several: from its first step to the hand-over."""

    __slots__ = ("name", "operation")

    def __init__(self, name: str, operation: OpenOperation) -> None:
        self.name = name
        self.operation = operation
