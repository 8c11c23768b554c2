"""Whose spans lie in a folder of the spool: its name is a salted hash of what shapes the bytes or says who may read them.

Spans are sent later only by a destination with the same name, URL, headers, certificate, convention, privacy, redaction and
limits. After one of these has changed they stay where they are: what was written before a stricter setting is not sent as it
was, and nobody's prompts go out with another's key.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from ..destinations.destination import Destination
from ..destinations.targets.network import NETWORK_TARGETS, NetworkTarget
from ..private_files import make_private_folder, read_private, write_new

_SALT = "salt"
_DEPTH = 6  # functions in functions, and values in values


def folder_of(base: Path, destination: Destination) -> Path | None:
    """Return the spool's folder for *destination* below *base*, which is made if need be; None where it has no URL.

    Headers that a function returns change with time, and do not tell one tenant from another: such a destination has a
    folder of its own, which no other process sends by itself.

    Raises:
        OSError: When *base* cannot be made.
    """
    if not isinstance(destination.target, NETWORK_TARGETS):
        return None
    digest = sha256(_salt(base))
    for part in _identity(destination, destination.target):
        digest.update(f"{len(part)}:{part}".encode("utf-8", "replace"))
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", destination.name)[:40]
    return base / f"{plain}-{digest.hexdigest()[:16]}"


def _identity(destination: Destination, target: NetworkTarget) -> list[str]:
    headers = target.headers
    who = [_own(headers)] if callable(headers) else sorted(f"{name.lower()}:{value}" for name, value in headers.items())
    how = (
        destination.privacy_mode,
        destination.media,
        destination.max_content_chars,
        destination.max_attribute_length,
        destination.limits,
        sorted(destination.span_attributes.items()),
        sorted(destination.resource.items()),
    )
    functions = [
        _fingerprint(function, _DEPTH) or _own(function) for function in (destination.redact, destination.render)
    ]
    return [destination.name, target.url, destination.convention, repr(target.tls), repr(how), *functions, *who]


# ---------------------------------------------------------------- what tells functions apart
_tokens: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def _own(thing: Any) -> str:
    """Return a token for this very object: the same while it lives, and in children that are forked; else no other's."""
    try:
        return _tokens.setdefault(thing, secrets.token_hex(16))
    except TypeError:  # it cannot be referred to weakly
        return secrets.token_hex(16)


def _fingerprint(value: Any, depth: int) -> str | None:
    """Return what is the same for a value, or a function's code and all that it refers to, in the next process; or None."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if depth <= 0:
        return None
    if isinstance(value, re.Pattern):
        return repr((value.pattern, value.flags))
    if isinstance(value, (tuple, list)):
        return _all(value, depth)
    if isinstance(value, Mapping):
        return _all([item for pair in value.items() for item in pair], depth)
    if isinstance(value, partial):
        return _all((value.func, value.args, value.keywords), depth)
    if isinstance(value, FunctionType):
        return _of_function(value, depth)
    if isinstance(value, (BuiltinFunctionType, type)):
        return f"{value.__module__}.{value.__qualname__}"
    return value.__name__ if isinstance(value, ModuleType) else None


def _all(values: Any, depth: int) -> str | None:
    found = [_fingerprint(value, depth - 1) for value in values]
    return None if None in found else repr(found)


def _of_function(function: FunctionType, depth: int) -> str | None:
    code = function.__code__
    ours = function.__module__.startswith("spancast.")  # a new version of spancast means the same
    referred = [] if ours else [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    cells: list[Any] = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not filled yet
            return None
    rest = (function.__defaults__, function.__kwdefaults__, cells, referred if depth > 1 else ())
    said = _all(rest, depth)
    text = "" if ours else _of_code(code)
    return None if said is None else f"{function.__module__}.{function.__qualname__}:{text}:{said}"


def _of_code(code: CodeType) -> str:
    constants = [_of_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return sha256(repr((code.co_code, constants, code.co_names)).encode()).hexdigest()


# ---------------------------------------------------------------- the salt
def _salt(base: Path) -> bytes:
    """Return the folder's salt, made once: without it a folder's name cannot be used to guess a key."""
    path = base / _SALT
    with suppress(OSError):
        return read_private(path, limit=1024)
    if not base.is_dir():
        make_private_folder(base, named=True)
    part = base / f"{_SALT}.{os.getpid()}.{secrets.token_hex(4)}.part"
    write_new(part, secrets.token_bytes(32))
    try:
        os.link(part, path)  # fails where another process was first: then that one's holds
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return read_private(path, limit=1024)
