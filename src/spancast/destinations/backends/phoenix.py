"""Phoenix: its preset and what only Phoenix knows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ...otlp.outcome import Outcome
from ...record.operation import Operation
from ..arguments import argument_or_env, required_secret, single_line, traces_url, without_path
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata
from ..scores import Call, SentScore, Way

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

    What it does differently (Phoenix's source; tried against Phoenix 20.26):
    * protobuf only, the content type compared exactly: JSON is answered with 415;
    * `Authorization: Bearer`, where Arize AX wants the key alone;
    * it answers before it stores: a trace is readable a second or two later; a full queue is 503, and sent again;
    * scores are annotations, sent to its REST API; a span's attributes `evaluations.*` are not read;
    * it keeps times to the microsecond, and no links between spans;
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
    url = traces_url(base, "endpoint" if endpoint is not None else "PHOENIX_COLLECTOR_ENDPOINT")
    return http_destination(
        "phoenix",
        url,
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers=headers,
        render=openinference_with_one_metadata,
        resource={"openinference.project.name": single_line(name, "project_name", "my-project")},
        scores=(without_path(url, "/v1/traces"), PhoenixAnnotations()),
    )


class PhoenixAnnotations:
    """Scores as Phoenix's annotations of spans, traces and sessions (its REST API, read in arize-phoenix 20.26).

    Sent without `sync` they wait at Phoenix, for ten minutes, until what they judge is stored. One of the same name,
    target and identifier replaces the former.
    """

    def way(self, carrier: Operation) -> Way | str:
        """Take all scores but those that Phoenix refuses by their name."""
        if carrier.name == "note":
            return "Phoenix keeps the name 'note' for notes of its own: give the score another name"
        return Way.API

    def send(self, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
        """Send one request for each kind of target; those of one that cannot be read go one by one."""
        outcomes: dict[str, Outcome] = {}
        for scope in ("span", "trace", "session"):
            same = [score for score in scores if score.scope == scope]
            if same:
                outcomes.update(zip([score.id for score in same], _annotate(scope, same, call), strict=True))
        return [outcomes[score.id] for score in scores]


def _annotate(scope: str, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
    body = {"data": [_annotation(score) for score in scores]}
    outcome, _ = call("POST", f"/v1/{scope}_annotations", body)
    if len(scores) > 1 and outcome.status in (400, 422):
        return [each for score in scores for each in _annotate(scope, [score], call)]
    return [outcome] * len(scores)


def _annotation(score: SentScore) -> dict[str, object]:
    target = {"span": score.span_id, "trace": score.trace_id, "session": score.session_id}[score.scope]
    result = {"score": score.value, "label": score.label, "explanation": score.explanation}
    return {
        f"{score.scope}_id": target,
        "name": score.name,
        "annotator_kind": score.annotator,
        "result": {name: value for name, value in result.items() if value is not None},
        "identifier": score.identifier or "",
        "metadata": score.metadata,
    }


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
