"""How a call ended is read off the class of what ended it, and off the package that the class comes from."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest
from langgraph.errors import GraphDrained, GraphInterrupt, NodeInterrupt, ParentCommand
from langgraph.types import Command
from workflows.errors import WorkflowCancelledByUser
from workflows.runtime.types.results import WaitingForEvent

from spancast.capture.endings import ending_of


class Left(asyncio.CancelledError):
    """A cancellation with a reason."""


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (GeneratorExit(), "abandoned"),
        (asyncio.CancelledError(), "cancelled"),
        (Left(), "cancelled"),
        (concurrent.futures.CancelledError(), "cancelled"),
        (WorkflowCancelledByUser(), "cancelled"),
        (WaitingForEvent.__new__(WaitingForEvent), "interrupted"),
        (GraphInterrupt(), "interrupted"),
        (NodeInterrupt.__new__(NodeInterrupt), "interrupted"),
        (GraphDrained.__new__(GraphDrained), "cancelled"),
        (ParentCommand(Command()), "handed over"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_stops_a_call_is_no_failure(error: BaseException, ending: str) -> None:
    """Cancellations, streams that are left, and the frameworks' own control flow, derived classes among them."""
    assert (None, ending) == ending_of(error)


@pytest.mark.parametrize(
    "name",
    [
        "CancelledError",
        "GraphInterrupt",
        "GraphBubbleUp",
        "ParentCommand",
        "WaitingForEvent",
        "WorkflowCancelledByUser",
    ],
)
@pytest.mark.parametrize("module", ["shop.errors", "__main__", "asyncio_helpers", "langgraph_shop"])
def test_an_applications_own_class_of_that_name_is_a_failure(name: str, module: str) -> None:
    """The name alone does not say that a framework stopped the call."""
    error = type(name, (Exception,), {"__module__": module})("order 17 failed")
    assert (error, None) == ending_of(error)
