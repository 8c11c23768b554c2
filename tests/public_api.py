"""The public API as text: every name that users' code relies on, with arguments, defaults, results and fields."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import spancast
from spancast import destinations, langchain, llama_index, openrouter, redact, testing
from spancast.cli import commands
from spancast.destinations.factory import CommonKeywords
from spancast.destinations.targets.memory import MemoryEvent, MemoryLink, MemorySpan, Status
from spancast.record.operation import Kind

MODULES = (spancast, destinations, langchain, llama_index, openrouter, redact, testing)
# not named by users, but used: `**common`, and what stands in `.spans`
BESIDE = (CommonKeywords, MemorySpan, MemoryEvent, MemoryLink, Status, Kind)
# public in Python's sense only: our rooms use them, and they may change
BETWEEN_ROOMS = {
    "Pipeline.after_fork_in_child",
    "Pipeline.keep_safe",
    "TraceFields.with_thread_session",
    "TraceFields.inherited",
    "TraceFields.merged_over",
    "Destination.chosen",
    "Destination.limits",
    "Destination.render",
    "Destination.span_attributes",
    "Destination.target",
    "MemoryDestination.store",
}


def public_api() -> str:
    """Return all of it, a paragraph for each thing."""
    said = [
        "The public API. Written by `UPDATE_GOLDENS=1 scripts/test tests/test_api.py`; a change here is a promise changed."
    ]
    for module in MODULES:
        said.append(f"# {module.__name__}")
        said.extend("\n".join(_thing(name, getattr(module, name))) for name in _names(module))
    said.append("# used with them")
    said.extend("\n".join(_thing(beside.__name__, beside)) for beside in BESIDE)
    said.append("# the command line")
    said.extend("\n".join(lines) for lines in _commands())
    return "\n\n".join(said) + "\n"


def _names(module: ModuleType) -> list[str]:
    """Return what a module offers: what it lists, else what it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return sorted(name for name in own if not name.startswith("_"))


def _thing(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield f"module {name}"
    elif typing.is_typeddict(value):
        yield f"keywords {name}"
        yield from (f"    {key}: {_annotation(kind)}{_usual(key)}" for key, kind in value.__annotations__.items())
    elif inspect.isclass(value) and issubclass(value, enum.Enum):
        yield f"enumeration {name}"
        yield from (f"    {member.name} = {member.value!r}" for member in value)
    elif inspect.isclass(value):
        yield from _class(name, value)
    elif callable(value):
        yield f"{name}{_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def _usual(keyword: str) -> str:
    """Return what holds when a common keyword is not given, where that is the same for every preset."""
    if keyword in ("name", "convention", "protocol", "compression", "max_request_bytes", "resource"):
        return ""
    made: Any = destinations.otlp("http://localhost:4318/v1/traces")
    held = [getattr(place, keyword) for place in (made, made.target) if hasattr(place, keyword)]
    return f" = {held[0]!r}" if held and keyword != "headers" else ""


def _class(name: str, kind: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in kind.__bases__ if base is not object)
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    takes = "" if fields or not inspect.isfunction(kind.__init__) else _signature(kind.__init__, of_instance=True)
    yield f"class {name}{f'[{bases}]' if bases else ''}{takes.removesuffix(' -> None')}"
    inherited = {field.name for base in kind.__bases__ for field in getattr(base, "__dataclass_fields__", {}).values()}
    for field in fields:
        if (
            not field.name.startswith("_")
            and field.name not in inherited
            and f"{name}.{field.name}" not in BETWEEN_ROOMS
        ):
            yield f"    {field.name}: {_annotation(field.type)}"
    for member, value in sorted(_own_members(kind).items()):
        if f"{name}.{member}" in BETWEEN_ROOMS or any(hasattr(base, member) for base in kind.__bases__):
            continue
        if isinstance(value, property):
            yield f"    .{member} -> {_annotation(inspect.signature(value.fget).return_annotation)}"
        else:
            yield f"    .{member}{_signature(getattr(value, '__func__', value), of_instance=True)}"


def _own_members(kind: type) -> dict[str, Any]:
    """Return the public methods and properties that our classes define; what a framework's class asks for is its own."""
    members: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("spancast"):
            members.update(vars(base))
    theirs = {name for base in kind.__mro__ if not base.__module__.startswith("spancast") for name in vars(base)}
    return {
        name: value
        for name, value in members.items()
        if not name.startswith("_") and name not in theirs and (isinstance(value, property) or inspect.isroutine(value))
    }


def _signature(value: Any, *, of_instance: bool = False) -> str:
    signature = inspect.signature(value)
    given = list(signature.parameters.values())[1 if of_instance else 0 :]
    return f"({', '.join(_arguments(given))}) -> {_annotation(signature.return_annotation)}"


def _arguments(given: list[inspect.Parameter]) -> Iterator[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    starred = False
    for one in given:
        if one.name.startswith("_"):  # for ourselves
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        default = "" if one.default is one.empty else f" = {_default(one.default)}"
        yield f"{stars.get(one.kind, '')}{one.name}: {_annotation(one.annotation)}{default}"


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "?"
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _default(value: Any) -> str:
    return f"{value.__module__}.{value.__name__}" if callable(value) else repr(value)


# ---------------------------------------------------------------- the command line
def _commands() -> Iterator[list[str]]:
    from typer.main import get_command

    found = dict(_options("spancast", get_command(commands())))
    presets = [options for path, options in found.items() if " add " in path]
    common = [option for option in presets[0] if all(option in options for options in presets)]
    yield ["spancast destinations add ...", *common]
    for path, options in found.items():
        yield [path, *(option for option in options if " add " not in path or option not in common)]


def _options(path: str, command: Any) -> Iterator[tuple[str, list[str]]]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, sorted(f"    {_option(each)}" for each in command.params)
    for name in sorted(inner):
        yield from _options(f"{path} {name}", inner[name])


def _option(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"[{option.name}]" if not option.required else option.name
    names = " / ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else " VALUE"
    many = " (repeatable)" if option.multiple else ""
    default = f" = {option.default}" if option.default not in (None, False, (), []) else ""
    return f"{names}{value}{default}{many}{' (required)' if option.required else ''}"
