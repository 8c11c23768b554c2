"""Lightstep: its preset and what only Lightstep knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import choice_of, required_secret
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def lightstep(
    *,
    access_token: str | None = None,
    region: str = "us",
    legacy_path: bool = False,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Lightstep (ServiceNow Cloud Observability), in gen_ai as JSON.

    What it does differently (Lightstep's archived documentation):
    * the token in `lightstep-access-token`; `/v1/traces`, or `/traces/otlp/v0.9` for older projects;
    * its end of life was announced for 2026-03-01 as we recall it, which no source confirms: the test will tell.

    Args:
        access_token: The project's token; else `LS_ACCESS_TOKEN`.
        region: `us` or `eu`.
        legacy_path: Use `/traces/otlp/v0.9`.
    """
    where = "Lightstep shows it under Project Settings, Access Tokens"
    token = required_secret(access_token, "access_token", where, "LS_ACCESS_TOKEN")
    hosts = {"us": "ingest.lightstep.com", "eu": "ingest.eu.lightstep.com"}
    path = "/traces/otlp/v0.9" if legacy_path else "/v1/traces"
    return http_destination(
        "lightstep",
        f"https://{choice_of(region, 'region', hosts)}:443{path}",
        common,
        headers={"lightstep-access-token": token},
    )


PRESET = Preset(
    make=lightstep,
    title="Lightstep",
    required=("access_token",),
    secrets=("access_token",),
    variables={"access_token": ("LS_ACCESS_TOKEN",)},
    hints=Hints(key_headers=("lightstep-access-token",), traces_paths=("/traces/otlp/v0.9",)),
)
