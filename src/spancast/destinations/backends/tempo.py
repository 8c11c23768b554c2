"""Grafana Tempo: its preset and what only Tempo knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...validation import size
from ..arguments import LOCAL_RECEIVER, single_line, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

MAX_ATTRIBUTE_BYTES = 2048  # bytes; `max_attribute_bytes` of Tempo's distributor, which cuts what is longer


@keywords_checked
def tempo(
    endpoint: str = LOCAL_RECEIVER,
    *,
    tenant: str | None = None,
    max_attribute_bytes: int = MAX_ATTRIBUTE_BYTES,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to a Grafana Tempo of your own, in gen_ai as JSON.

    What it does differently (Tempo's source):
    * attributes above 2,048 bytes are cut there, JSON or not: ours are cut first, so that JSON stays readable;
    * its receivers listen on localhost only by default (since 2.7);
    * a trace above 5 MB is refused, in part after it was answered with 200;
    * with several tenants it wants `X-Scope-OrgID`.

    Args:
        endpoint: Host, or the whole URL.
        tenant: The tenant's name, where Tempo has several.
        max_attribute_bytes: As in Tempo's own setting of that name, when yours is another.
    """
    ports = {3200: "Tempo's query API", 3000: "Grafana's page"}
    headers = {"X-Scope-OrgID": single_line(tenant, "tenant", "team-a")} if tenant is not None else {}
    return http_destination(
        "tempo",
        traces_url(endpoint, "endpoint", wrong_ports=ports),
        common,
        headers=headers,
        max_attribute_length=size(max_attribute_bytes, "max_attribute_bytes"),
    )


PRESET = Preset(make=tempo, title="Grafana Tempo", plain_headers=("x-scope-orgid",))
