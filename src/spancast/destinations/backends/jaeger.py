"""Jaeger: its preset and what only Jaeger knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arguments import LOCAL_RECEIVER, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def jaeger(endpoint: str = LOCAL_RECEIVER, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to Jaeger v2, in gen_ai as JSON.

    What it does differently (Jaeger 2.20's documentation; tried against 2.13):
    * Jaeger v2 is an OpenTelemetry Collector inside: port 4318 takes traces (16686 is the page, 4317 is gRPC);
    * a body above 20 MiB is answered with 400 and lost; requests stay below 4 MB;
    * with Badger as its storage, an attribute above 65,000 bytes is answered with 503 ("Key with size ... exceeded 65000
      limit"): the span is sent again, cut to a half, without what was beside it. `max_content_chars=60_000` saves these
      requests (seen with 2.13; storage in memory takes it);
    * traces are found by `service.name`: give `configure(service_name=...)`.

    Args:
        endpoint: Host, or the whole URL.
    """
    ports = {16686: "Jaeger's page", 14268: "an input of Jaeger v1"}
    return http_destination("jaeger", traces_url(endpoint, "endpoint", wrong_ports=ports), common)


PRESET = Preset(make=jaeger, title="Jaeger")
