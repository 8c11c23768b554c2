"""What each preset sends and where, from the preset itself: its docstring, and a destination made with sample arguments."""

from __future__ import annotations

import inspect
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from from_code.markdown import code, codes, described, table
from spancast.commands import options
from spancast.destinations import PRESETS
from spancast.destinations.destination import DEFAULT_REQUEST_BYTES, MAX_ATTRIBUTE_LENGTH, Destination

PAGES = {"tempo": "grafana", "grafana_cloud": "grafana"}
OWN_PAGES = (
    "arize",
    "otlp",
    "axiom",
    "jaeger",
    "honeycomb",
    "lightstep",
    "phoenix",
    "langfuse",
    "langsmith",
    "datadog",
)
_SPACE = b64encode(b"Space:1:sample").decode()
_SAMPLES = {"space_key": _SPACE, "instance_id": "123456", "base_url": "https://backend.example.com"}
_SAMPLES["dsn"] = "https://key@o1.ingest.sentry.io/2"
_PLACES = {
    "otlp": {"endpoint": "https://collector.example.com/v1/traces"},
    "otlp_metrics": {"endpoint": "https://collector.example.com/v1/metrics"},
    "elastic": {"endpoint": "https://abc.ingest.us-central1.gcp.elastic.cloud:443"},
}
# arguments that are not required, and worth showing
_MORE = {"arize": ("model_id",), "phoenix": ("api_key", "project_name"), "opik": ("project_name",)}


def page_of(name: str) -> str:
    """Return the page and place that tells of a preset."""
    page = PAGES.get(name, name if name in OWN_PAGES else "others")
    return f"../backends/{page}.md" + ("" if name in OWN_PAGES else f"#{_anchor(PRESETS[name].title)}")


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("&", "")).strip("-")


def sample(name: str) -> tuple[Destination, dict[str, str]]:
    """Return a destination of the preset, and the arguments it was made with, each with a value of its own."""
    preset = PRESETS[name]
    given = {
        argument: _PLACES.get(name, {}).get(argument)
        or _SAMPLES.get(argument)
        or f"sample-{argument.replace('_', '-')}"
        for argument in (*preset.required, *_MORE.get(name, ()))
    }
    with _empty_environment():
        return preset.make(**given), given


@contextmanager
def _empty_environment() -> Iterator[None]:
    """Keep the variables of whoever builds the pages out of them."""
    held = dict(os.environ)
    for name in list(os.environ):
        if not name.startswith(("PATH", "HOME", "TMP")):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(held)


def headers_of(name: str) -> dict[str, str]:
    """Return the preset's headers, with the arguments' names in the place of their values."""
    made, given = sample(name)
    target: Any = made.target
    return {header: _named(str(value), given) for header, value in dict(target.headers).items()}


def _named(value: str, given: dict[str, str]) -> str:
    if value.startswith("Basic "):
        value = f"Basic base64({b64decode(value.removeprefix('Basic ')).decode()})"
    for argument, sampled in sorted(given.items(), key=lambda item: -len(item[1])):
        value = value.replace(sampled, f"<{argument}>")
    return value


def preset(name: str) -> str:
    """Return the facts of one preset: what it does differently, what it sends, its arguments."""
    made, given = sample(name)
    target: Any = made.target
    rows = [
        ["endpoint", code(target.url)],
        ["headers", codes(f"{header}: {value}" for header, value in headers_of(name).items()) or "none of its own"],
        ["encoding", f"`{target.protocol}`" + (f", {target.compression}" if target.compression else "")],
        ["convention", code(made.convention)],
    ]
    for title, attributes in (("on the resource", made.resource), ("on every span", made.span_attributes)):
        if attributes:
            named = (f"{key} = {_named(str(value), given)}" for key, value in attributes.items())
            rows.append([title, codes(named)])
    ours = " (ours)" if made.max_request_bytes == DEFAULT_REQUEST_BYTES else ""
    rows.append(["largest request", f"{made.max_request_bytes:,} bytes{ours}"])
    if made.max_attribute_length != MAX_ATTRIBUTE_LENGTH:
        longest = f"{made.max_attribute_length:,} characters; longer ones are cut, JSON stays valid"
        rows.append(["longest text", longest])
    return f"{table(['what', 'value'], rows)}\n\n{_different(name)}\n\n{_arguments(name)}"


def _different(name: str) -> str:
    said = inspect.cleandoc(PRESETS[name].make.__doc__ or "")
    found = re.search(r"What it does differently(.*?):\n((?:\* .*|  .*)(?:\n(?:\* .*|  .*))*)", said)
    if found is None:
        raise LookupError(f"the docstring of {name}() does not say what it does differently")
    return f"**What it does differently**{found[1]}:\n\n{found[2]}"


def _arguments(name: str) -> str:
    preset = PRESETS[name]
    signature = inspect.signature(preset.make).parameters
    said = described(preset.make.__doc__)
    rows = []
    for argument, _, _ in options.own_arguments(preset):
        default = signature[argument].default
        rows.append(
            [
                code(argument),
                said.get(argument) or _same(argument, said),
                codes(preset.variables.get(argument, ())),
                "needed" if argument in preset.required else code(default) if default not in (None, "") else "",
            ]
        )
    shared = "Every preset also takes the [common keywords](../settings.md#what-every-destination-takes)."
    return f"{table(['argument', 'meaning', 'environment', 'default'], rows)}\n\n{shared}"


def _same(argument: str, said: dict[str, str]) -> str:
    """Return what is said of an argument in the text of another: that both are the same."""
    other = next((name for name, text in said.items() if f"`{argument}` is the same" in text), None)
    return f"The same as `{other}`." if other else ""


def table_row(name: str) -> list[str]:
    """Return a preset's row in the table of all."""
    made, _ = sample(name)
    target: Any = made.target
    return [
        f"[{PRESETS[name].title}]({page_of(name)})",
        code(f"destinations.{name}()"),
        codes(PRESETS[name].required) or "nothing",
        target.protocol.removeprefix("http/"),
        made.convention,
    ]


def _table() -> str:
    rows = (table_row(name) for name in PRESETS if sample(name)[0].sends_spans)
    return table(["backend", "preset", "needs", "encoding", "convention"], rows)


def all_presets() -> str:
    """Return the table of all presets."""
    return _table()
