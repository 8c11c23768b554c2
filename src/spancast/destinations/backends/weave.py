"""W&B Weave: its preset and what only Weave knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import required_secret, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def weave(
    *,
    api_key: str | None = None,
    entity: str | None = None,
    project: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to W&B Weave, in OpenInference as protobuf.

    What it does differently (W&B's documentation):
    * protobuf only: JSON is refused;
    * the key in `wandb-api-key`; entity and project are resource attributes;
    * this endpoint feeds the views Traces and Threads; the view Agents has one of its own.

    Args:
        api_key: Else `WANDB_API_KEY`.
        entity: The team or user; else `WANDB_ENTITY`.
        project: The project's name; else `WANDB_PROJECT`.
        base_url: A dedicated host's, with its path: `https://example.wandb.io/traces`.
    """
    key = required_secret(api_key, "api_key", "W&B shows it under User Settings", "WANDB_API_KEY")
    why = "Weave files traces under entity and project"
    resource = {
        "wandb.entity": required_text(entity, "entity", "my-team", why, "WANDB_ENTITY"),
        "wandb.project": required_text(project, "project", "my-project", why, "WANDB_PROJECT"),
    }
    return http_destination(
        "weave",
        traces_url(base_url or "https://trace.wandb.ai", "base_url", "/otel/v1/traces"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={"wandb-api-key": key},
        render=openinference_with_one_metadata,
        resource=resource,
    )


PRESET = Preset(
    make=weave,
    title="W&B Weave",
    required=("api_key", "entity", "project"),
    secrets=("api_key",),
    variables={"api_key": ("WANDB_API_KEY",), "entity": ("WANDB_ENTITY",), "project": ("WANDB_PROJECT",)},
    hints=Hints(key_headers=("wandb-api-key",)),
)
