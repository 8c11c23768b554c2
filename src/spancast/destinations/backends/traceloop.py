"""Traceloop: its preset and what only Traceloop knows."""

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
def traceloop(
    *, api_key: str | None = None, base_url: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to Traceloop, in gen_ai as protobuf.

    What it does differently (traceloop.com/docs/openllmetry/integrations/traceloop):
    * the key as Bearer; it belongs to one project and one environment;
    * JSON is not documented, hence protobuf.

    Args:
        api_key: Else `TRACELOOP_API_KEY`.
        base_url: Else `TRACELOOP_BASE_URL`, or `https://api.traceloop.com`.
    """
    why = "Traceloop makes one in the settings of a project's environment"
    key = required_secret(api_key, "api_key", why, "TRACELOOP_API_KEY")
    host = argument_or_env(base_url, "base_url", "TRACELOOP_BASE_URL") or "https://api.traceloop.com"
    return http_destination(
        "traceloop",
        traces_url(host, "base_url"),
        common,
        protocol="http/protobuf",
        headers={"Authorization": f"Bearer {key}"},
    )


PRESET = Preset(
    make=traceloop,
    title="Traceloop",
    required=("api_key",),
    secrets=("api_key",),
    variables={"api_key": ("TRACELOOP_API_KEY",), "base_url": ("TRACELOOP_BASE_URL",)},
    hints=Hints(hosts=("traceloop.com",), authorization_scheme="Bearer"),
)
