"""LangSmith: its preset and what only LangSmith knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, choice_of, required_secret, single_line, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def langsmith(
    *,
    api_key: str | None = None,
    project: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to LangSmith, in OpenInference as protobuf.

    What it does differently (LangSmith's documentation of 2025-08):
    * `x-api-key`, and the project in `Langsmith-Project`;
    * the path is `/otel/v1/traces`, in a LangSmith of your own `/api/v1/otel/v1/traces`;
    * OpenInference's `metadata` is merged into the run's; gen_ai is read too;
    * with `LANGSMITH_OTEL_ENABLED` set LangSmith's own tracer sends the same runs: switch one off;
    * JSON and limits are unconfirmed, hence protobuf.

    Args:
        api_key: `lsv2_...`; else `LANGSMITH_API_KEY`.
        project: The project's name; else `LANGSMITH_PROJECT`, else `default`.
        region: `us` or `eu`.
        base_url: A LangSmith of your own, with its path: `https://langsmith.example.com/api/v1`; else `LANGSMITH_ENDPOINT`.
    """
    key = required_secret(api_key, "api_key", "LangSmith makes one under Settings, API Keys", "LANGSMITH_API_KEY")
    name = argument_or_env(project, "project", "LANGSMITH_PROJECT") or "default"
    hosts = {"us": "https://api.smith.langchain.com", "eu": "https://eu.api.smith.langchain.com"}
    named = argument_or_env(base_url, "base_url", "LANGSMITH_ENDPOINT")
    return http_destination(
        "langsmith",
        traces_url(named or choice_of(region, "region", hosts), "base_url", "/otel/v1/traces"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={"x-api-key": key, "Langsmith-Project": single_line(name, "project", "my-project")},
        render=openinference_with_one_metadata,
    )


PRESET = Preset(
    make=langsmith,
    title="LangSmith",
    required=("api_key",),
    secrets=("api_key",),
    variables={
        "api_key": ("LANGSMITH_API_KEY",),
        "project": ("LANGSMITH_PROJECT",),
        "base_url": ("LANGSMITH_ENDPOINT",),
    },
    plain_headers=("langsmith-project",),
    hints=Hints(
        base_paths=("/otel",),
        key_refused={
            "smith.langchain.com": "keys belong to one region: try region='eu' or 'us'; org-scoped keys need a workspace "
            "header"
        },
    ),
)
