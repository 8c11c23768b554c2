"""An exception as a Failure: type, message and stack trace, bounded, whatever the exception's own code does."""

from __future__ import annotations

import os
import stat
import traceback
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType
from typing import TypeGuard

from ..capture.exceptions import MAX_MESSAGE, message_of, type_name
from ..capture.shapes import class_name
from ..capture.snapshot import plain_data
from ..record.operation import Failure

MAX_STACKTRACE = 20_000  # characters
_MAX_FRAMES = 40  # of each exception, the innermost
_MAX_CHAIN = 8  # exceptions that led to one, the nearest
_MAX_MEMBERS = 16  # exceptions of a group, at any depth
_MAX_NOTES = 16

_MAX_SOURCE = 16_000_000  # bytes
# the interpreter's own attributes, whatever a class of the application's makes of them
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_suppresses_context = BaseException.__dict__["__suppress_context__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_namespace = BaseException.__dict__["__dict__"].__get__
_exceptions = BaseExceptionGroup.__dict__["exceptions"].__get__

Messages = dict[int, str]  # by the id of the exception: each is asked once for its text

_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
_LEFT_OUT = "(earlier exceptions are left out)\n"


def failure_of(error: BaseException, *, content: bool = True) -> Failure:
    """Return the failure that *error* is; without *content* only its type.

    A group of exceptions names its members in the message. The work is bounded: of a long chain of causes and of a large
    group the first are written, and what is left out is marked.
    """
    name = type_name(error)
    if not content:
        return Failure(type=name)
    try:
        return _written(error, name)
    except Exception:  # attributes of a class of the application's that raise
        return Failure(type=name, message=class_name(type(error)))


def _written(error: BaseException, name: str) -> Failure:
    messages: Messages = {}
    message = _message(error, messages)
    if _is_group(error):
        message = f"{message}: {_members_text(error, messages)}"
    return Failure(type=name, message=message[:MAX_MESSAGE], stacktrace=_stacktrace(error, messages)[-MAX_STACKTRACE:])


def _message(error: BaseException, messages: Messages) -> str:
    """Return the exception's message; its own code is asked at most once, and only where it is that of a library."""
    message = messages.get(id(error))
    if message is None:
        message = messages[id(error)] = message_of(error, plain_data)
    return message


def _is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    return issubclass(type(error), BaseExceptionGroup)  # `isinstance` asks the exception for its class


def _members_text(group: BaseExceptionGroup[BaseException], messages: Messages) -> str:
    members = list(_members(group))
    text = "; ".join(f"{type_name(member)}: {_message(member, messages)}" for member in members[:_MAX_MEMBERS])
    return f"{text}; ..." if len(members) > _MAX_MEMBERS else text


def _members(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the exceptions of a group that are no groups, at most one more than are written."""
    waiting = list(_exceptions(group)[::-1])
    found = visited = 0
    while waiting and found <= _MAX_MEMBERS and visited < 1_000:
        member = waiting.pop()
        visited += 1
        if _is_group(member):
            waiting.extend(_exceptions(member)[:1_000][::-1])
        else:
            found += 1
            yield member


def _stacktrace(error: BaseException, messages: Messages) -> str:
    """Write *error* and what led to it as Python does, oldest first. The standard library would write any number."""
    blocks = [_block(error, messages)]
    seen = {id(error)}
    for _ in range(_MAX_CHAIN):
        cause = _cause(error)
        led_to = cause if cause is not None else None if _suppresses_context(error) else _context(error)
        if led_to is None or id(led_to) in seen:
            break
        blocks.append(_CAUSED if cause is not None else _DURING)
        blocks.append(_block(led_to, messages))
        seen.add(id(led_to))
        error = led_to
    else:
        blocks.append(_LEFT_OUT)
    return "".join(reversed(blocks))


def _block(error: BaseException, messages: Messages) -> str:
    """Write one exception; a group with its members below it."""
    text = _alone(error, messages)
    if _is_group(error):
        members = list(_members(error))
        for number, member in enumerate(members[:_MAX_MEMBERS], 1):
            lines = _alone(member, messages).splitlines()
            text += f"  +---------------- {number} ----------------\n" + "".join(f"  | {line}\n" for line in lines)
        if len(members) > _MAX_MEMBERS:
            text += "  +---------------- ...\n"
    return text


def _innermost(trace: TracebackType) -> TracebackType:
    """Return where the last `_MAX_FRAMES` frames of a traceback begin.

    With a limit the standard library works out the columns of all frames: 4 ms for 900 of them, a twentieth without.
    """
    last: deque[TracebackType] = deque(maxlen=_MAX_FRAMES)
    entry: TracebackType | None = trace
    while entry is not None:
        last.append(entry)
        entry = entry.tb_next
    return last[0]


def _frames(trace: TracebackType) -> str:
    """Write the frames of a traceback with their lines of source; without them where a file is none to read."""
    entries = list(traceback.walk_tb(trace))
    try:
        if all([_is_readable(frame.f_code.co_filename) for frame, _ in entries]):
            return "".join(traceback.format_tb(trace))
    except Exception:  # a source file that cannot be read as text
        return ""
    return "".join(
        [f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}\n' for frame, line in entries]
    )


@lru_cache(maxsize=1024)
def _is_readable(path: str) -> bool:
    """Return whether a source file may be read: no device, no FIFO, nothing of many megabytes; or there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return True
    return stat.S_ISREG(found.st_mode) and found.st_size <= _MAX_SOURCE


def _alone(error: BaseException, messages: Messages) -> str:
    frames = ""
    trace = _traceback(error)
    if trace is not None:
        frames = f"Traceback (most recent call last):\n{_frames(_innermost(trace))}"
    message = _message(error, messages)
    notes = _namespace(error).get("__notes__")
    lines = [note for note in notes[:_MAX_NOTES] if isinstance(note, str)] if type(notes) is list else []
    return "".join(
        [
            frames,
            f"{type_name(error)}: {message}\n" if message else f"{type_name(error)}\n",
            *(f"{n}\n" for n in lines),
        ]
    )
