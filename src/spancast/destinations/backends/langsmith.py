"""LangSmith: its preset and what only LangSmith knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from ...diagnostics.hints import Hints
from ...otlp.outcome import DELIVERED, Outcome
from ...record.operation import Operation, Score
from ..arguments import argument_or_env, choice_of, required_secret, single_line, traces_url, without_path
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..rendering import openinference_with_one_metadata
from ..scores import Call, SentScore, Way
from ..targets.scores import waits_for_its_span

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

_PATIENCE = 120.0  # seconds for which feedback waits until LangSmith, which stores later, knows the run


@keywords_checked
def langsmith(
    *,
    api_key: str | None = None,
    project: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to LangSmith, in OpenInference as protobuf.

    What it does differently (LangSmith's documentation of 2025-08):
    * `x-api-key`, and the project in `Langsmith-Project`;
    * the path is `/otel/v1/traces`, in a LangSmith of your own `/api/v1/otel/v1/traces`;
    * OpenInference's `metadata` is merged into the run's; gen_ai is read too;
    * scores are feedback on runs, sent to its own API; there is none on sessions;
    * with `LANGSMITH_OTEL_ENABLED` set LangSmith's own tracer sends the same runs: switch one off;
    * JSON and limits are unconfirmed, hence protobuf.

    Args:
        api_key: `lsv2_...`; else `LANGSMITH_API_KEY`.
        project: The project's name; else `LANGSMITH_PROJECT`, else `default`.
        region: `us` or `eu`.
        base_url: A LangSmith of your own, with its path: `https://langsmith.example.com/api/v1`; else `LANGSMITH_ENDPOINT`.
    """
    key = required_secret(api_key, "api_key", "LangSmith makes one under Settings, API Keys", "LANGSMITH_API_KEY")
    name = argument_or_env(project, "project", "LANGSMITH_PROJECT") or "default"
    hosts = {"us": "https://api.smith.langchain.com", "eu": "https://eu.api.smith.langchain.com"}
    named = argument_or_env(base_url, "base_url", "LANGSMITH_ENDPOINT")
    url = traces_url(named or choice_of(region, "region", hosts), "base_url", "/otel/v1/traces")
    name = single_line(name, "project", "my-project")
    return http_destination(
        "langsmith",
        url,
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={"x-api-key": key, "Langsmith-Project": name},
        render=openinference_with_one_metadata,
        scores=(without_path(url, "/otel/v1/traces"), LangSmithFeedback(name)),
        score_headers={"x-api-key": key},
    )


class LangSmithFeedback:
    """Scores as LangSmith's feedback on runs (`POST /feedback`, read in langsmith 0.15.1).

    A run that came as a span has the span's id, with zeros before it, as its own. Feedback belongs to a run: that on a trace
    goes to its root. The project's id is asked for once, by its name; without it feedback is taken as well, for now.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._project_id: str | None = None

    def way(self, carrier: Operation) -> Way | str:
        """Take scores of spans, and of traces whose root is known."""
        scope = carrier.detail.scope if isinstance(carrier.detail, Score) else ""
        if scope == "session":
            return "LangSmith takes feedback on runs only, none on a session: score a trace or a span of it"
        if not carrier.links:
            return "LangSmith takes feedback on runs only: name the root's span_id beside the trace_id"
        return Way.API

    def send(self, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
        """Send one request for each score: LangSmith documents no request for several."""
        return [self._sent(score, call) for score in scores]

    def _sent(self, score: SentScore, call: Call) -> Outcome:
        outcome, _ = call("POST", "/feedback", self._feedback(score, self._project_in(call)))
        if outcome.status == 409:  # it has feedback of this id: an earlier try arrived
            return DELIVERED
        return waits_for_its_span(outcome, score, _PATIENCE)

    def _project_in(self, call: Call) -> str | None:
        if self._project_id is None:
            _, found = call("GET", f"/sessions?{urlencode({'name': self._project, 'limit': 1})}", None)
            first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
            self._project_id = first.get("id") if isinstance(first.get("id"), str) else None
        return self._project_id

    def _feedback(self, score: SentScore, project_id: str | None) -> dict[str, object]:
        who = {"annotator_kind": score.annotator, "identifier": score.identifier}
        source = {
            "type": "model" if score.annotator == "LLM" else "api",
            "metadata": {name: value for name, value in who.items() if value},
        }
        body = {
            "id": str(UUID(int=int(score.trace_id, 16) ^ int(score.id, 16))),
            "run_id": str(UUID(int=int(score.span_id or "0", 16))),
            "key": score.name,
            "score": None if score.value is None else round(score.value, 4),  # LangSmith keeps four places
            "value": score.label,
            "comment": score.explanation,
            "feedback_source": source,
            "session_id": project_id,
            "extra": dict(score.metadata) or None,
            "created_at": datetime.fromtimestamp(score.given_ns / 1e9, UTC).isoformat(),
        }
        return {name: value for name, value in body.items() if value is not None}


PRESET = Preset(
    make=langsmith,
    title="LangSmith",
    required=("api_key",),
    secrets=("api_key",),
    variables={
        "api_key": ("LANGSMITH_API_KEY",),
        "project": ("LANGSMITH_PROJECT",),
        "base_url": ("LANGSMITH_ENDPOINT",),
    },
    plain_headers=("langsmith-project",),
    hints=Hints(
        base_paths=("/otel",),
        key_refused={
            "smith.langchain.com": "keys belong to one region: try region='eu' or 'us'; org-scoped keys need a workspace "
            "header"
        },
    ),
)
