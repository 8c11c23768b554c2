"""Dash0: its preset and what only Dash0 knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import host_part, required_secret, single_line
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def dash0(
    *,
    auth_token: str | None = None,
    region: str = "eu-west-1",
    dataset: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Dash0, in gen_ai as JSON.

    What it does differently (Dash0's documentation, of which a stored copy was read):
    * a Bearer token (`auth_...`), and `Dash0-Dataset` for another dataset than the default;
    * `metrics=True` sends to `/v1/metrics`, cumulative;
    * limits of bodies are not published.

    Args:
        auth_token: From Settings, Auth Tokens; else `DASH0_AUTH_TOKEN`.
        region: As in `ingress.<region>.aws.dash0.com`.
        dataset: A dataset other than the default.
    """
    where = "Dash0 makes one under Settings, Auth Tokens"
    token = required_secret(auth_token, "auth_token", where, "DASH0_AUTH_TOKEN")
    headers = {"Authorization": f"Bearer {token}"}
    if dataset is not None:
        headers["Dash0-Dataset"] = single_line(dataset, "dataset", "default")
    url = f"https://ingress.{host_part(region, 'region', 'eu-west-1')}.aws.dash0.com/v1/traces"
    return http_destination(
        "dash0",
        url,
        common,
        headers=headers,
        metrics=BackendMetrics(url=metrics_of(url)),
    )


PRESET = Preset(
    make=dash0,
    title="Dash0",
    required=("auth_token",),
    secrets=("auth_token",),
    variables={"auth_token": ("DASH0_AUTH_TOKEN",)},
    plain_headers=("dash0-dataset",),
    hints=Hints(hosts=("dash0.com",), authorization_scheme="Bearer"),
)
