"""Comet Opik: its preset and what only Opik knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, required_secret, required_text, single_line, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def opik(
    *,
    api_key: str | None = None,
    workspace: str | None = None,
    project_name: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Comet Opik, in the cloud or of your own, in OpenInference as protobuf.

    What it does differently (Comet's OpenTelemetry pages):
    * `Authorization` is the key alone, no Bearer; the workspace in `Comet-Workspace`, the project in `projectName`;
    * an Opik of your own wants neither key nor workspace;
    * JSON and limits are not documented, hence protobuf.

    Args:
        api_key: Else `OPIK_API_KEY`. Not needed with *base_url*.
        workspace: Else `OPIK_WORKSPACE`. Not needed with *base_url*.
        project_name: Else `OPIK_PROJECT_NAME`.
        base_url: An Opik of your own, such as `http://localhost:5173`.
    """
    cloud = base_url is None
    headers = {}
    key = argument_or_env(api_key, "api_key", "OPIK_API_KEY")
    if cloud or key is not None:
        headers["Authorization"] = required_secret(key, "api_key", "Comet shows it under API Keys", "OPIK_API_KEY")
    place = argument_or_env(workspace, "workspace", "OPIK_WORKSPACE")
    if cloud or place is not None:
        why = "Comet's cloud wants the workspace's name"
        headers["Comet-Workspace"] = required_text(place, "workspace", "my-workspace", why, "OPIK_WORKSPACE")
    if project := argument_or_env(project_name, "project_name", "OPIK_PROJECT_NAME"):
        headers["projectName"] = single_line(project, "project_name", "my-project")
    path = "/opik/api/v1/private/otel/v1/traces" if cloud else "/api/v1/private/otel/v1/traces"
    return http_destination(
        "opik",
        traces_url(base_url or "https://www.comet.com", "base_url", path),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers=headers,
        render=openinference_with_one_metadata,
    )


PRESET = Preset(
    make=opik,
    title="Comet Opik",
    required=("api_key", "workspace"),
    instead={"api_key": ("base_url",), "workspace": ("base_url",)},
    secrets=("api_key",),
    variables={"api_key": ("OPIK_API_KEY",), "workspace": ("OPIK_WORKSPACE",), "project_name": ("OPIK_PROJECT_NAME",)},
    plain_headers=("comet-workspace", "projectname"),
    hints=Hints(hosts=("comet.com",), authorization_scheme=""),
)
