"""Pydantic Logfire: its preset and what only Pydantic Logfire knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, choice_of, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

_REGIONS = {"us": "https://logfire-us.pydantic.dev", "eu": "https://logfire-eu.pydantic.dev"}

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def logfire(
    *,
    token: str | None = None,
    region: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Pydantic Logfire, in gen_ai as JSON.

    What it does differently (logfire.pydantic.dev/docs/how-to-guides/alternative-clients):
    * `Authorization` is the write token alone, no Bearer;
    * JSON and protobuf over HTTP, no gRPC; each region has a host of its own.

    Args:
        token: A write token of the project; else `LOGFIRE_TOKEN`.
        region: `us`, the default, or `eu`.
        base_url: A Logfire of your own; else `LOGFIRE_BASE_URL`.
    """
    key = required_secret(token, "token", "Logfire makes write tokens in the project's settings", "LOGFIRE_TOKEN")
    own = None if region is not None else argument_or_env(base_url, "base_url", "LOGFIRE_BASE_URL")
    host = own or choice_of(region or "us", "region", _REGIONS)
    return http_destination("logfire", traces_url(host, "base_url"), common, headers={"Authorization": key})


PRESET = Preset(
    make=logfire,
    title="Pydantic Logfire",
    required=("token",),
    secrets=("token",),
    variables={"token": ("LOGFIRE_TOKEN",), "base_url": ("LOGFIRE_BASE_URL",)},
    hints=Hints(hosts=("pydantic.dev",), authorization_scheme=""),
)
