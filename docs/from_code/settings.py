"""Every setting: environment variables and file keys from the table, arguments from the signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from from_code.markdown import code, codes, described, table
from spancast.commands import options
from spancast.config import schema
from spancast.destinations.destination import Destination
from spancast.destinations.factory import CommonKeywords
from spancast.runtime.default import Pipeline, configure
from spancast.setting import Setting

_NOT_OPTIONS = {
    "headers": "Further headers: a mapping, a JSON object as text, or a function that returns one for each request.",
    "resource": "Attributes of the sending application that only this destination gets.",
}


def variables() -> str:
    """Return the tables of all environment variables and file keys."""
    presets = [each for each in schema.SETTINGS if each not in (*schema.GENERAL, *schema.OTLP)]
    return "\n\n".join(
        [
            "### General",
            _table(schema.GENERAL, keys=True),
            "### OpenTelemetry's own, for `otlp`",
            "The name with `TRACES` wins over the general one.",
            _table(schema.OTLP),
            "### The presets' own",
            "Read by the preset of that name when the argument is not given.",
            _table(presets),
        ]
    )


def _table(settings: Iterable[Setting], *, keys: bool = False) -> str:
    headings = ["environment", *(["key in the file"] if keys else []), "meaning", "default"]
    return table(
        headings,
        (
            [
                codes(each.variables),
                *([code(each.name)] if keys else []),
                _coded(each.meaning) + (" A secret: never shown." if each.secret else ""),
                code(each.default) if _is_value(each.default) else each.default,
            ]
            for each in settings
        ),
    )


def _is_value(default: str) -> bool:
    return " " not in default


def _coded(meaning: str) -> str:
    words = []
    for word in meaning.split(" "):
        bare = word.strip("(),.:;")
        is_code = ("=" in bare or "()" in word or bare.startswith("/")) and not word.startswith("`")
        words.append(word.replace(bare, f"`{bare}`") if is_code and "(" not in bare else word)
    return " ".join(words)


def common_keywords() -> str:
    """Return the table of the keywords that every preset takes."""
    said = described(Destination.__doc__, "Attributes")
    types = CommonKeywords.__annotations__
    rows = []
    for name in types:
        option = options.COMMON.get(name)
        meaning = said.get(name) or _NOT_OPTIONS.get(name) or (option[1] if option else "")
        rows.append([code(name), _type(types[name]), _NOT_OPTIONS.get(name, meaning)])
    return table(["keyword, key and option", "type", "meaning"], rows)


def _type(annotation: object) -> str:
    text = getattr(annotation, "__forward_arg__", None) or str(annotation)
    plain = {"Redact | None": "function; in files a name", "object": "mapping, text or function"}.get(text, text)
    return plain.replace("Mapping[str, Any]", "mapping").replace(" | None", "").replace("str", "text")


def configure_arguments() -> str:
    """Return the table of what `configure` and `Pipeline` take beside destinations."""
    said = described(Pipeline.__init__.__doc__)
    rows = []
    for name, parameter in inspect.signature(configure).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        meaning = said.get(name) or "A SIGTERM first sends or spools what was recorded. `configure` only."
        rows.append([code(name), code(parameter.default), meaning])
    return table(["argument", "default", "meaning"], rows)
