"""Laminar: its preset and what only Laminar knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def laminar(
    *, api_key: str | None = None, base_url: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to Laminar, in gen_ai as JSON.

    What it does differently (laminar.sh/docs/tracing/otel):
    * `/v1/traces` takes JSON and protobuf over HTTP, and gRPC on port 8443; the project's key as Bearer.

    Args:
        api_key: The project's API key; else `LMNR_PROJECT_API_KEY`.
        base_url: A Laminar of your own; else `LMNR_BASE_URL`, or `https://api.lmnr.ai`.
    """
    why = "Laminar shows it in the project's settings"
    key = required_secret(api_key, "api_key", why, "LMNR_PROJECT_API_KEY")
    host = argument_or_env(base_url, "base_url", "LMNR_BASE_URL") or "https://api.lmnr.ai"
    return http_destination("laminar", traces_url(host, "base_url"), common, headers={"Authorization": f"Bearer {key}"})


PRESET = Preset(
    make=laminar,
    title="Laminar",
    required=("api_key",),
    secrets=("api_key",),
    variables={"api_key": ("LMNR_PROJECT_API_KEY",), "base_url": ("LMNR_BASE_URL",)},
    hints=Hints(hosts=("lmnr.ai",), authorization_scheme="Bearer"),
)
