"""The text of an exception: bounded, and without running code of the application's."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from pathlib import PosixPath, WindowsPath
from types import FunctionType, WrapperDescriptorType
from typing import Any, cast

from .class_cache import ClassCache
from .shapes import Copier, Shape, class_name, inherited, is_library_code, module_of, plain_name

MAX_MESSAGE = 10_000  # characters
_MAX_SHOWN = 2_000  # characters of an exception that is a value among others
_COST = 100  # units of a snapshot's budget: one such exception takes about 4 us
_MAX_ARGUMENTS = 16
_MAX_WRITTEN = 32  # values that a class of the interpreter's may make text of
_MAX_LENGTH = 50_000  # characters of these: 0.3 ms
_MAX_NESTED = 3  # exceptions in the arguments of one another
_PLAIN = frozenset({str, bytes, int, float, bool, type(None), PosixPath, WindowsPath})
_qualified_name = type.__dict__["__qualname__"].__get__
_arguments = BaseException.__dict__["args"].__get__
_attributes = (
    (OSError, [OSError.__dict__[name].__get__ for name in ("errno", "strerror", "filename", "filename2")]),
    (SyntaxError, [SyntaxError.__dict__[name].__get__ for name in ("msg", "filename", "lineno")]),
)
"""What these classes write besides their arguments."""
_short = reprlib.Repr()
_short.maxlevel, _short.maxdict, _short.maxlist, _short.maxstring = 4, 32, 32, 1_000

AsData = Callable[[Any], object]  # makes a bounded plain copy


def type_name(error: BaseException) -> str:
    """Return the name of an exception's class, with its module unless that is `builtins`."""
    kind = type(error)
    module, name = module_of(kind), _qualified_name(kind)
    return name if module == "builtins" else f"{module}.{name}"


def message_of(error: BaseException, as_data: AsData, depth: int = _MAX_NESTED) -> str:
    """Return the text of an exception: what `str` makes of it, where no code of the application's runs for that.

    The thread is the application's, and a `__str__` of its own may take any time. Such a class is shown by its arguments.
    """
    kind = type(error)
    try:
        arguments = _arguments(error)
        writes, whatever = _writers.get(kind)
        if writes is not None and (whatever or _is_quick(error, arguments)):
            return str.__getitem__(writes(error), slice(0, MAX_MESSAGE))
        parts = [_argument(each, as_data, depth) for each in arguments[:_MAX_ARGUMENTS]]
        text = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        return text[:MAX_MESSAGE] if parts else class_name(kind)
    except Exception:  # of an exception that cannot be written the class name is left
        return class_name(kind)


def exception_shape(kind: type) -> Shape | None:
    """Return how exceptions of *kind* that are values are copied, as class and message; None for what is no exception.

    LangChain hands them on as data: `parsing_error` of `with_structured_output(include_raw=True)`, the `exception_key` of
    `with_fallbacks`, what `batch(return_exceptions=True)` returns.
    """
    return _shape if issubclass(kind, BaseException) else None


def _shape(value: Any, copier: Copier) -> object:
    copier.budget -= _COST
    message = message_of(value, copier.capture)[:_MAX_SHOWN]
    name = plain_name(type(value))
    return copier.text(name if message in ("", class_name(type(value))) else f"{name}: {message}")


def _is_quick(error: BaseException, arguments: tuple[Any, ...]) -> bool:
    """Return whether a class of the interpreter's writes *error* quickly and without code of the application's.

    It asks each argument for its text: `KeyError` writes a key as it stands in source code, however long that is.
    """
    written = [
        *arguments,
        *[read(error) for base, reads in _attributes if issubclass(type(error), base) for read in reads],
    ]
    if len(written) > _MAX_WRITTEN:
        return False
    length = 0
    for value in written:
        parts = value if type(value) is tuple else (value,)
        if len(parts) > _MAX_WRITTEN or not _PLAIN.issuperset(map(type, parts)):
            return False
        length += sum([len(part) for part in parts if type(part) is str or type(part) is bytes])
    return length <= _MAX_LENGTH


def _argument(value: object, as_data: AsData, depth: int) -> str:
    if issubclass(type(value), BaseException):  # `isinstance` asks the object for its class
        return message_of(cast("BaseException", value), as_data, depth - 1) if depth else class_name(type(value))
    if type(value) is str:
        return value[:MAX_MESSAGE]
    data = as_data(value)
    return data[:MAX_MESSAGE] if isinstance(data, str) else _short.repr(data)


def _writer(kind: type) -> tuple[Callable[[Any], str] | None, bool]:
    """Return what writes exceptions of a class, None where that is the application's code; and whether any arguments do.

    The interpreter's own classes ask the arguments for their text in turn.
    """
    found = inherited(kind, "__str__")
    if type(found) is FunctionType:
        return (found, True) if is_library_code(found) else (None, False)
    if type(found) is not WrapperDescriptorType:
        return None, False
    return found, found is BaseExceptionGroup.__str__ or found.__objclass__.__module__ != "builtins"


_writers = ClassCache(_writer)
