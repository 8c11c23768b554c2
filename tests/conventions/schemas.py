"""The makers' schemas of what stands as JSON in a gen_ai attribute (makers/schemas.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

SCHEMAS: dict[str, Any] = json.loads(Path(__file__).with_name("makers").joinpath("schemas.json").read_text())


def problems(attributes: Mapping[str, Any]) -> list[str]:
    """Return what in these attributes the makers' schemas do not allow, a line each."""
    return [
        f"{name}: {problem}"
        for name, schema in SCHEMAS["attributes"].items()
        if name in attributes
        for problem in _in_attribute(name, json.loads(attributes[name]), schema)
    ]


def _in_attribute(name: str, value: Any, schema: Any) -> Iterator[str]:
    yield from _errors("attributes", name, value)
    if name.endswith(".messages"):
        for message in value:
            yield from _in_parts(message.get("parts", ()))
    elif name == "gen_ai.system_instructions":
        yield from _in_parts(value)
    elif name == "gen_ai.tool.definitions":
        for tool in value:
            yield from _errors("tools", _kind("tools", tool), tool)


def _in_parts(parts: Any) -> Iterator[str]:
    for part in parts:
        yield from _errors("parts", _kind("parts", part), part)
        modality = part.get("modality") if isinstance(part, dict) else None
        if modality is not None and modality not in SCHEMAS["modalities"]:
            yield f"modality {modality!r}"
        if isinstance(part, dict) and part.get("type") == "uri" and str(part.get("uri")).startswith("data:"):
            yield "a data URL as `uri`: it should be a `blob`"


def _kind(table: str, part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    return str(kind) if kind in SCHEMAS[table] else "*"


def _errors(table: str, name: str, value: Any) -> Iterator[str]:
    for error in _validator(table, name).iter_errors(value):
        yield f"{error.message[:200]} (at {'/'.join(map(str, error.absolute_path)) or name})"


@cache
def _validator(table: str, name: str) -> Draft7Validator:
    return Draft7Validator(SCHEMAS[table][name])
