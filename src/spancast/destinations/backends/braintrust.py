"""Braintrust: its preset and what only Braintrust knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ...validation import SettingsError
from ..arguments import choice_of, required_secret, single_line
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def braintrust(
    *,
    api_key: str | None = None,
    project_name: str | None = None,
    project_id: str | None = None,
    experiment_id: str | None = None,
    region: str = "us",
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Braintrust, in gen_ai as protobuf with gzip.

    What it does differently (Braintrust's page on limits):
    * Bearer, and the place in `x-bt-parent`: one of project name, project id, experiment id;
    * above 10 MB it answers 413; requests stay below 4 MB; its page advises protobuf and gzip.

    Args:
        api_key: `sk-...`; else `BRAINTRUST_API_KEY`.
        project_name: The project, by name.
        project_id: The project, by id.
        experiment_id: An experiment.
        region: `us` or `eu`.
    """
    key = required_secret(api_key, "api_key", "Braintrust makes one under Settings, API Keys", "BRAINTRUST_API_KEY")
    places = {"project_name": project_name, "project_id": project_id, "experiment_id": experiment_id}
    named = {name: value for name, value in places.items() if value is not None}
    if len(named) != 1:
        raise SettingsError(
            f"project_name is missing: Braintrust wants exactly one of {', '.join(places)}, and {len(named)} are set."
        )
    ((place, value),) = named.items()
    hosts = {"us": "https://api.braintrust.dev", "eu": "https://api-eu.braintrust.dev"}
    return http_destination(
        "braintrust",
        f"{choice_of(region, 'region', hosts)}/otel/v1/traces",
        common,
        protocol="http/protobuf",
        compression="gzip",
        headers={
            "Authorization": f"Bearer {key}",
            "x-bt-parent": f"{place}:{single_line(value, place, 'my-project')}",
        },
    )


PRESET = Preset(
    make=braintrust,
    title="Braintrust",
    required=("api_key", "project_name"),
    instead={"project_name": ("project_id", "experiment_id")},
    secrets=("api_key",),
    variables={"api_key": ("BRAINTRUST_API_KEY",)},
    plain_headers=("x-bt-parent",),
    hints=Hints(hosts=("braintrust.dev",), authorization_scheme="Bearer", base_paths=("/otel",)),
)
