"""An exception as a Failure: type, message and stack trace, bounded, whatever the exception's own code does."""

from __future__ import annotations

import re
import reprlib
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from types import FunctionType, WrapperDescriptorType
from typing import Any

from ..capture.class_cache import ClassCache
from ..capture.shapes import class_name, inherited
from ..capture.snapshot import plain_data
from ..record.operation import Failure

MAX_MESSAGE = 10_000  # characters
MAX_STACKTRACE = 20_000
_MAX_FRAMES = 40  # of each exception, the innermost
_MAX_CHAIN = 8  # exceptions that led to one, the nearest
_MAX_MEMBERS = 16  # exceptions of a group, at any depth
_MAX_NOTES = 16
_MAX_NESTED = 3  # exceptions in the arguments of one another
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
_arguments = BaseException.__dict__["args"].__get__
_short = reprlib.Repr()
_short.maxlevel, _short.maxdict, _short.maxlist, _short.maxstring = 4, 32, 32, 1_000
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
_STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})

Messages = dict[int, str]  # by the id of the exception: each is asked once for its text

_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
_LEFT_OUT = "(earlier exceptions are left out)\n"


def failure_of(error: BaseException, *, content: bool = True) -> Failure:
    """Return the failure that *error* is; without *content* only its type.

    A group of exceptions names its members in the message. The work is bounded: of a long chain of causes and of a large
    group the first are written, and what is left out is marked.
    """
    name = _type_name(error)
    if not content:
        return Failure(type=name)
    try:
        return _written(error, name)
    except Exception:  # attributes of a class of the application's that raise
        return Failure(type=name, message=class_name(type(error)))


def _written(error: BaseException, name: str) -> Failure:
    messages: Messages = {}
    message = _message(error, messages)
    if isinstance(error, BaseExceptionGroup):
        message = f"{message}: {_members_text(error, messages)}"
    return Failure(type=name, message=message[:MAX_MESSAGE], stacktrace=_stacktrace(error, messages)[-MAX_STACKTRACE:])


def _type_name(error: BaseException) -> str:
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _message(error: BaseException, messages: Messages) -> str:
    """Return the exception's message; its own code is asked at most once, and only where it is that of a library."""
    message = messages.get(id(error))
    if message is None:
        message = messages[id(error)] = _asked(error)
    return message


def _asked(error: BaseException, depth: int = _MAX_NESTED) -> str:
    """Return the text of an exception: what `str` makes of it, without running code of the application's.

    The thread is the application's, and a `__str__` of its own may take any time. Such a class is shown by its arguments.
    """
    kind = type(error)
    try:
        arguments = _arguments(error)
        writes, whatever = _writers.get(kind)
        if writes is not None and (whatever or all(map(_is_plain, arguments))):
            return str.__getitem__(writes(error), slice(0, MAX_MESSAGE))
        parts = [_argument(each, depth) for each in arguments[:_MAX_NOTES]]
        text = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        return text[:MAX_MESSAGE] if parts else class_name(kind)
    except Exception:  # of an exception that cannot be written the class name is left
        return class_name(kind)


def _is_plain(value: object) -> bool:
    kind = type(value)
    return kind in _PLAIN or (kind is tuple and _PLAIN.issuperset(map(type, value)))  # type: ignore[call-overload]


def _argument(value: object, depth: int) -> str:
    if isinstance(value, BaseException):
        return _asked(value, depth - 1) if depth else class_name(type(value))
    data = plain_data(value)
    return data if isinstance(data, str) else _short.repr(data)


def _writer(kind: type) -> tuple[Callable[[Any], str] | None, bool]:
    """Return what writes exceptions of a class, None where that is the application's code; and whether any arguments do.

    The interpreter's own classes ask the arguments for their text in turn.
    """
    found = inherited(kind, "__str__")
    if type(found) is FunctionType:
        file = found.__code__.co_filename
        return (found, True) if _INSTALLED.search(file) or file.startswith(_STANDARD) else (None, False)
    if type(found) is not WrapperDescriptorType:
        return None, False
    return found, found is BaseExceptionGroup.__str__ or found.__objclass__.__module__ != "builtins"


_writers = ClassCache(_writer)


def _members_text(group: BaseExceptionGroup[BaseException], messages: Messages) -> str:
    members = list(_members(group))
    text = "; ".join(f"{_type_name(member)}: {_message(member, messages)}" for member in members[:_MAX_MEMBERS])
    return f"{text}; ..." if len(members) > _MAX_MEMBERS else text


def _members(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the exceptions of a group that are no groups, at most one more than are written."""
    waiting = list(group.exceptions[::-1])
    found = visited = 0
    while waiting and found <= _MAX_MEMBERS and visited < 1_000:
        member = waiting.pop()
        visited += 1
        if isinstance(member, BaseExceptionGroup):
            waiting.extend(member.exceptions[:1_000][::-1])
        else:
            found += 1
            yield member


def _stacktrace(error: BaseException, messages: Messages) -> str:
    """Write *error* and what led to it as Python does, oldest first. The standard library would write any number."""
    blocks = [_block(error, messages)]
    seen = {id(error)}
    for _ in range(_MAX_CHAIN):
        cause = error.__cause__
        led_to = cause if cause is not None else None if error.__suppress_context__ else error.__context__
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
    if isinstance(error, BaseExceptionGroup):
        members = list(_members(error))
        for number, member in enumerate(members[:_MAX_MEMBERS], 1):
            lines = _alone(member, messages).splitlines()
            text += f"  +---------------- {number} ----------------\n" + "".join(f"  | {line}\n" for line in lines)
        if len(members) > _MAX_MEMBERS:
            text += "  +---------------- ...\n"
    return text


def _alone(error: BaseException, messages: Messages) -> str:
    frames = ""
    if error.__traceback__ is not None:
        try:
            frames = "".join(traceback.format_tb(error.__traceback__, limit=-_MAX_FRAMES))
        except Exception:  # a source file that cannot be read as text
            frames = ""
        frames = f"Traceback (most recent call last):\n{frames}"
    message = _message(error, messages)
    notes = getattr(error, "__notes__", None)
    lines = [note for note in notes[:_MAX_NOTES] if isinstance(note, str)] if type(notes) is list else []
    return "".join(
        [
            frames,
            f"{_type_name(error)}: {message}\n" if message else f"{_type_name(error)}\n",
            *(f"{n}\n" for n in lines),
        ]
    )
