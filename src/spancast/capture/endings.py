"""How an operation ended when it did not simply finish."""

from __future__ import annotations


def ending_of(error: BaseException | None) -> tuple[BaseException | None, str | None]:
    """Return the error when the operation failed, or the ending when it was only stopped.

    Cancelled and abandoned calls did not fail, nor did the frameworks' own control flow: LangGraph's comes as exceptions
    derived from GraphBubbleUp (interrupts, `Command` to a parent graph), LlamaIndex's as WaitingForEvent and
    WorkflowCancelledByUser. All are told by their class, never by their text; no framework is imported.
    """
    if error is None:
        return None, None
    if isinstance(error, GeneratorExit):
        return None, "abandoned"
    name = type(error).__name__
    if name in ("CancelledError", "WorkflowCancelledByUser"):
        return None, "cancelled"
    if name == "WaitingForEvent":  # a tool asks a human; it is called again when the answer is there
        return None, "interrupted"
    if type(error) is RuntimeError and error.args == ("dispatcher shutdown",):
        return None, "incomplete"
    names = {base.__name__ for base in type(error).__mro__ if base.__module__.startswith("langgraph")}
    if "GraphBubbleUp" in names:
        return None, "interrupted" if names & {"GraphInterrupt", "NodeInterrupt"} else "handed over"
    return error, None
