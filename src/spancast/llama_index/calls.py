"""A call of LlamaIndex's dispatcher, from its beginning to the end of the stream that it returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import ref

from ..record.operation import Failure
from ..recording.current import Attachment
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder


class Call:
    """One call. Written by the thread that makes it and, after it has returned a stream, by the one that reads it.

    Attributes:
        operation: Its own where it is visible, else that of the call that it is a layer of.
        outer: The call around it.
        wraps: The model call of which this one is a layer.
        is_visible: It has an operation of its own.
        has_visible_children: Something with an operation of its own began beneath it.
        arguments: Those of a layer with a prompt template.
        progress: What its kind of call needs besides.
    """

    __slots__ = (
        "_instance",
        "arguments",
        "has_visible_children",
        "id",
        "is_visible",
        "method",
        "operation",
        "outer",
        "progress",
        "recorder",
        "role",
        "wraps",
    )

    def __init__(self, id: str, recorder: Recorder, role: str, instance: Any, method: str, outer: Call | None) -> None:
        self.id = id
        self.recorder = recorder
        self.role = role
        self._instance = instance
        self.method = method
        self.outer = outer
        self.operation: OpenOperation | None = None
        self.wraps: Call | None = None
        self.is_visible = False
        self.has_visible_children = False
        self.arguments: Mapping[str, Any] = {}
        self.progress = Progress()

    @property
    def instance(self) -> Any:
        """The object whose method was called; None for a function, and where it is gone."""
        instance = self._instance
        return instance() if type(instance) is ref else instance

    def release_instance(self) -> None:
        """Keep the instance no longer alive: what waits for a stream must not, it may hold the very stream."""
        try:
            self._instance = ref(self._instance)
        except TypeError:
            self._instance = None


class Progress:
    """How far a call is: of a workflow's step and run, and of a stream.

    Attributes:
        event: What a step was started with.
        agents: Of a run: whether it is that of an agent, or of several; see `classify.agents_in`.
        attachment: Of an agent's step: its agent made current in the step's own task.
        member: Of the run of several agents: the one that is at work.
        sends_events: The model's integration sends events, so that the end of a stream will be reported.
        is_reported: It or one of its layers sends events.
        has_begun: A piece of the stream was read.
        counted: Which raw chunks of a stream say something besides the content: token counts, why it ended (ChunkFacts).
        response: The last answer that a layer of it, or LlamaIndex's own event, reported.
        pieces: Of a chat engine's streamed answer, where LlamaIndex does not keep it.
        failure: That of the call beneath it which ended last.
        waits: Of a run: what its steps wait for, as keys of pauses.
    """

    __slots__ = (
        "agents",
        "attachment",
        "counted",
        "event",
        "failure",
        "has_begun",
        "is_reported",
        "member",
        "pieces",
        "response",
        "sends_events",
        "waits",
    )

    def __init__(self) -> None:
        self.event: Any = None
        self.agents = 0
        self.attachment: Attachment | None = None
        self.member: Member | None = None
        self.sends_events = False
        self.is_reported = False
        self.has_begun = False
        self.counted: Any = None
        self.response: Any = None
        self.pieces: list[str] | None = None
        self.failure: Failure | None = None
        self.waits: list[str] | None = None


class Member:
    """An agent at work in a workflow of several: from its first step to the hand-over."""

    __slots__ = ("name", "operation")

    def __init__(self, name: str, operation: OpenOperation) -> None:
        self.name = name
        self.operation = operation


def mark_parents(outer: Call | None) -> None:
    """Note that something visible began beneath *outer*, and beneath the calls that are its layers."""
    while outer is not None and not outer.has_visible_children:
        outer.has_visible_children = True
        outer = None if outer.is_visible else outer.outer


def is_within(call: Call | None, other: Call) -> bool:
    """Return whether *call* is *other* or began beneath it."""
    while call is not None and call is not other:
        call = call.outer
    return call is not None


def visible(call: Call | None) -> Call | None:
    """Return the nearest call, *call* itself or around it, that has an operation of its own."""
    while call is not None and not call.is_visible:
        call = call.outer
    return call
