"""What LangChain's callback managers ask a handler before they call it: whether to run inline, whether to leave it out."""

from __future__ import annotations

import sys
from abc import ABCMeta
from inspect import getattr_static
from types import FrameType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager

from ..recording.notice import warn_once
from ..signal_errors import is_from_signal_handler

_START = "AsyncCallbackManager.on_llm_start"
_ASKING = frozenset({_START, f"{_START}.<locals>.<listcomp>"})  # the comprehension is a frame before Python 3.12


class RunInline:
    """`run_inline`: True, so that events run in the caller's own context; but not at the cost of others' handlers.

    `AsyncCallbackManager.on_llm_start` of langchain-core drops the event for every handler that is not inline as soon as
    one is (langchain-ai/langchain#39633; on_chat_model_start is right). There ours answers False while it is the only
    inline handler among others. LangChain runs that event in a task of its own anyway for most calls.
    """

    def __get__(self, handler: Any, owner: type) -> bool:
        frame = sys._getframe(1)
        if handler is None or frame.f_code.co_qualname not in _ASKING:
            return True
        return _costs_nobody(frame)


def _costs_nobody(frame: FrameType) -> bool:
    """Return whether no other handler loses the event: there is none, or one of them is inline as well."""
    asking = frame if frame.f_code.co_qualname == _START else frame.f_back
    manager = asking.f_locals.get("self") if asking is not None else None
    if not isinstance(manager, AsyncCallbackManager):
        return True
    others = [handler for handler in manager.handlers if getattr_static(type(handler), "run_inline") is not RUN_INLINE]
    return not others or any(handler.run_inline for handler in others)


RUN_INLINE: Any = RunInline()


class RaiseError:
    """`raise_error`: asked where a handler has raised, and True for what a signal handler of the application raised.

    It came out of the handler because that was running when the signal came: a time limit has to reach the application.
    """

    def __get__(self, handler: Any, owner: type) -> bool:
        error = sys.exc_info()[1]
        return error is not None and is_from_signal_handler(error)


RAISE_ERROR: Any = RaiseError()


IGNORABLE = ("llm", "retry", "agent", "chain", "chat_model", "retriever", "custom_event")


class HandlerType(ABCMeta):
    """The handler's class: LangChain asks it `ignore_*` only where somebody has forgotten the parentheses.

    An abstract base class's type, so that an application may derive a class from the handler and from such a class.
    """


def _asked_of_the_class(cls: type) -> bool:
    if sys._getframe(1).f_globals.get("__name__") == "langchain_core.callbacks.manager":
        name = cls.__name__
        warn_once(
            "handler:class",
            "spancast: callbacks=[%s] holds the class, so nothing is traced: write callbacks=[%s()].",
            name,
            name,
        )
    return True


for _name in IGNORABLE:  # a property of the type is found before the attribute of the class, and never by an instance
    setattr(HandlerType, f"ignore_{_name}", property(_asked_of_the_class))
