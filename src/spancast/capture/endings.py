"""How an operation ended when it did not simply finish."""

from __future__ import annotations

from .shapes import module_of, mro_of, plain_name

ABANDONED = "abandoned"

# The exceptions that stop a call without a failure, by the package that defines them: an application's own class of the
# same name is a failure.
_ENDINGS = {
    ("asyncio", "CancelledError"): "cancelled",
    ("concurrent", "CancelledError"): "cancelled",
    ("trio", "Cancelled"): "cancelled",
    ("workflows", "WorkflowCancelledByUser"): "cancelled",
    ("llama_index", "WorkflowCancelledByUser"): "cancelled",
    ("workflows", "WaitingForEvent"): "interrupted",  # a tool asks a human; it is called again when the answer is there
    ("llama_index", "WaitingForEvent"): "interrupted",
    ("langgraph", "GraphInterrupt"): "interrupted",
    ("langgraph", "NodeInterrupt"): "interrupted",
    ("langgraph", "GraphDrained"): "cancelled",  # the run was asked to stop at its next checkpoint
    ("langgraph", "GraphBubbleUp"): "handed over",  # a `Command` to a parent graph
}


def ending_of(error: BaseException | None) -> tuple[BaseException | None, str | None]:
    """Return the error when the operation failed, or the ending when it was only stopped.

    Cancelled and abandoned calls did not fail, nor did the frameworks' own control flow: LangGraph's comes as exceptions
    derived from GraphBubbleUp (interrupts, `Command` to a parent graph), LlamaIndex's as WaitingForEvent and
    WorkflowCancelledByUser. All are recognised by their class or a base of it, never by their text; no framework is
    imported.
    """
    if error is None:
        return None, None
    if issubclass(type(error), GeneratorExit):
        return None, ABANDONED
    if type(error) is RuntimeError and error.args == ("dispatcher shutdown",):
        return None, "incomplete"
    for base in mro_of(type(error)):
        ending = _ENDINGS.get((module_of(base).partition(".")[0], plain_name(base)))
        if ending is not None:
            return None, ending
    return error, None
