"""Phoenix: its preset and what only Phoenix knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, required_secret, single_line, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def phoenix(
    endpoint: str | None = None,
    *,
    api_key: str | None = None,
    project_name: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Phoenix, of your own or in its cloud, in OpenInference as protobuf.

    What it does differently (Phoenix's source; tried against Phoenix 20):
    * protobuf only, the content type compared exactly: JSON is answered with 415;
    * `Authorization: Bearer`, where Arize AX wants the key alone;
    * it answers before it stores: a trace is readable a second or two later; a full queue is 503, and sent again;
    * the project is a resource attribute; `metadata` is read as one JSON text, and `metadata.<key>` beside it would clash.

    Args:
        endpoint: Host or whole URL; else `PHOENIX_COLLECTOR_ENDPOINT`, else `http://localhost:6006`.
        api_key: Where authentication is on; else `PHOENIX_API_KEY`.
        project_name: Else `PHOENIX_PROJECT`, `PHOENIX_PROJECT_NAME`, else `default`.
    """
    base = argument_or_env(endpoint, "endpoint", "PHOENIX_COLLECTOR_ENDPOINT") or "http://localhost:6006"
    name = argument_or_env(project_name, "project_name", "PHOENIX_PROJECT", "PHOENIX_PROJECT_NAME") or "default"
    headers = {}
    if api_key is not None or os.environ.get("PHOENIX_API_KEY"):
        key = required_secret(api_key, "api_key", "Phoenix makes one under Settings, API Keys", "PHOENIX_API_KEY")
        headers["authorization"] = f"Bearer {key}"
    return http_destination(
        "phoenix",
        traces_url(base, "endpoint" if endpoint is not None else "PHOENIX_COLLECTOR_ENDPOINT"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers=headers,
        render=openinference_with_one_metadata,
        resource={"openinference.project.name": single_line(name, "project_name", "my-project")},
    )


PRESET = Preset(
    make=phoenix,
    title="Phoenix",
    secrets=("api_key",),
    variables={
        "endpoint": ("PHOENIX_COLLECTOR_ENDPOINT",),
        "api_key": ("PHOENIX_API_KEY",),
        "project_name": ("PHOENIX_PROJECT", "PHOENIX_PROJECT_NAME"),
    },
    plain_headers=("x-project-name",),
    hints=Hints(hosts=("phoenix.arize.com",), authorization_scheme="Bearer"),
)
