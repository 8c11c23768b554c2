"""A preset's arguments as options of the command line, with the help that its docstring gives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from ..destinations import PRESETS
from ..destinations.registry import Preset
from ..diagnostics.result import CheckResult

COMMON: Mapping[str, tuple[Any, str]] = {
    "name": (str, "What reports call it; else the preset's name."),
    "privacy_mode": (bool, "Let no content leave."),
    "redact": (str, "A built-in redactor for content: secrets, emails, cards, all."),
    "media": (bool, "Send images, sounds and files."),
    "max_content_chars": (int, "The longest text of content."),
    "sampling_rate": (float, "The share of sessions, 0.0001 to 1."),
    "keep_errors": (bool, "Send traces that failed whatever the sampling rate."),
    "keep_slower_than": (float, "Send traces that take more seconds whatever the sampling rate."),
    "keep_costlier_than": (float, "Send traces that cost more US dollars whatever the sampling rate."),
    "keep_tokens_over": (int, "Send traces that use more tokens whatever the sampling rate."),
    "metrics": (bool, "Send metrics as well: every operation is counted, whatever the sampling rate."),
    "convention": (str, "openinference or gen_ai."),
    "protocol": (str, "http/json or http/protobuf."),
    "compression": (str, "gzip or none."),
    "timeout": (float, "Seconds for a request."),
    "max_request_bytes": (int, "The largest request."),
    "ca_file": (str, "A PEM file of authorities to trust."),
    "client_certificate": (str, "This client's certificate, a PEM file."),
    "client_key": (str, "The key of that certificate, a PEM file."),
}
PAIRS: Mapping[str, str] = {
    "header": 'A header: "Name=value", "Name=env:VARIABLE", "Authorization=Bearer env:TOKEN". May be repeated.',
    "resource": 'A resource attribute: "name=value". May be repeated.',
}
SWITCHES: Mapping[str, str] = {
    "keyring": "Save keys in the system's keyring.",
    "plain_secrets": "Save keys in the clear, in a file that only you can read.",
    "as_json": "Print the result as JSON.",
}
_TYPES = {"bool": bool, "int": int, "float": float}


def own_arguments(preset: Preset) -> Iterator[tuple[str, Any, str]]:
    """Yield name, type and help of a preset's own arguments."""
    described = helps(preset.make.__doc__ or "")
    for name, parameter in inspect.signature(preset.make).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            kind = _TYPES.get(str(parameter.annotation).partition(" ")[0], str)
            yield name, kind, described.get(name, "")


def helps(docstring: str) -> dict[str, str]:
    """Return what a docstring's `Args:` say, by argument."""
    section = inspect.cleandoc(docstring).partition("Args:\n")[2].partition("\n\n")[0]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        begins = re.match(r" {4}(\w+): (.*)", line)
        if begins:
            name = begins[1]
            found[name] = begins[2]
        elif name:
            found[name] += " " + line.strip()
    return {name: text.replace("`", "") for name, text in found.items()}


_HEADERS = re.compile(r"headers=\{'([^']*)': '([^']*)'\}")
_CALL = re.compile(r"destinations\.(\w+)\(([^()]*)\)")
_ARGUMENT = re.compile(r"""(?<![\w.-])(?P<name>\w+)=(?P<value>"[^"]*"|'[^']*'|[\w.]*)""")
_SUBJECT = re.compile(r"^(?P<name>\w+)(?= (?:is|has|begins|lacks|and)\b)")


def in_options(result: CheckResult, preset: Preset) -> CheckResult:
    """Return *result* with the options of the command line where its sentences name arguments."""
    steps = tuple(
        replace(
            step,
            detail=as_options(step.detail, preset),
            cause=as_options(step.cause, preset),
            fix=as_options(step.fix, preset),
        )
        for step in result.steps
    )
    return replace(result, steps=steps)


def as_options(text: str, preset: Preset) -> str:
    """Return a sentence about a preset's arguments in the words of the command line: `--api-key` for `api_key=`."""
    available = {name for name, _, _ in own_arguments(preset)} | set(COMMON)

    def option(found: re.Match[str]) -> str:
        if found["name"] not in available:
            return found[0]
        value = found.groupdict().get("value")
        return f"--{found['name'].replace('_', '-')}" + (f" {value.strip(chr(34) + chr(39))}" if value else "")

    text = _HEADERS.sub(r'--header "\1=\2"', text)
    text = _CALL.sub(_as_command, text)
    return _ARGUMENT.sub(option, _SUBJECT.sub(option, text))


def _as_command(call: re.Match[str]) -> str:
    """Return `destinations.arize(region='eu')` as the command that does the same."""
    arguments = re.sub(r"(\w+)=", lambda name: f"--{name[1].replace('_', '-')} ", call[2]).replace(", ", " ")
    return f"spancast destinations add {call[1]} {arguments}".rstrip()


def command(name: str, run: Callable[[str, dict[str, Any]], None]) -> Callable[..., None]:
    """Return a command for a preset, whose options are its arguments; it calls *run* with their values."""

    def add(**values: Any) -> None:
        run(name, {key: value for key, value in values.items() if value not in (None, [], ())})

    parameters = list(_parameters(PRESETS[name]))
    add.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    add.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    add.__name__ = name
    add.__doc__ = _described(PRESETS[name].make.__doc__ or "")
    return add


def _described(docstring: str) -> str:
    text = inspect.cleandoc(docstring).partition("\nArgs:")[0].partition("\nRaises:")[0].strip().replace("`", "")
    return _with_options(text).replace("\n* ", "\n\n* ")


def _with_options(text: str) -> str:
    """Return *text* with the arguments that it names (`*base_url*`) as the options that they are here."""
    return re.sub(r"\*(\w+)\*", lambda name: f"--{name[1].replace('_', '-')}", text)


def _parameters(preset: Preset) -> Iterator[inspect.Parameter]:
    seen = set()
    for name, kind, help in own_arguments(preset):
        seen.add(name)
        yield _option(name, kind, help)
    for name, (kind, help) in COMMON.items():
        if name not in seen:
            yield _option(name, kind, help)
    for name, help in PAIRS.items():
        option = Annotated[list[str] | None, typer.Option(f"--{name}", help=help)]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
    for name, help in SWITCHES.items():
        flag = "--json" if name == "as_json" else f"--{name.replace('_', '-')}"
        switch = Annotated[bool, typer.Option(flag, help=help)]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=switch)


def _option(name: str, kind: Any, help: str) -> inspect.Parameter:
    option = f"--{name.replace('_', '-')}"
    flags = (f"{option}/--no-{name.replace('_', '-')}",) if kind is bool else (option,)
    annotation = Annotated[kind | None, typer.Option(*flags, help=_with_options(help), show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
