"""Langfuse: its preset, what it calls otherwise in gen_ai, and what only Langfuse knows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ...conventions import CONVENTIONS, gen_ai
from ...conventions.outline import attribute
from ...conventions.span import AttributeValue, Span
from ...diagnostics.hints import Hints
from ...otlp.masking import words
from ...otlp.outcome import Outcome, Verdict
from ...record.json import dumps
from ...record.operation import Generation, Operation
from ...validation import SettingsError
from ..arguments import argument_or_env, choice_of, required_secret, traces_url, without_path
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..scores import Call, SentScore, Way

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

_TRACES, _SCORES = "/api/public/otel/v1/traces", "/api/public/scores"
_LONGEST_TEXT = 500  # characters of a score that is a text
_NAMES = {"span.input": "langfuse.observation.input", "span.output": "langfuse.observation.output"}


@keywords_checked
def langfuse(
    *,
    public_key: str | None = None,
    secret_key: str | None = None,
    region: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Langfuse, in the cloud or of your own, in gen_ai as JSON.

    What it does differently (Langfuse's source):
    * every `gen_ai.usage.*` but `gen_ai.usage.cost` is counted as tokens, so `gen_ai.usage.*_cost` is never sent there:
      cost goes as `langfuse.observation.cost_details`, and cache writes under one of their two names only;
    * metadata is `langfuse.trace.metadata.*`, on every span; kinds come from `openinference.span.kind`; a chain's input
      and output are `langfuse.observation.input` and `.output`;
    * scores are sent to its own API: as a span without a parent one would give its name to the whole trace;
    * `Basic` of public and secret key; `x-langfuse-ingestion-version: 4` shows traces immediately (above 4: 400);
    * a content type that it does not know is 400, not 415; above the plan's usage it answers 403.

    Args:
        public_key: `pk-lf-...`; else `LANGFUSE_PUBLIC_KEY`.
        secret_key: `sk-lf-...`; else `LANGFUSE_SECRET_KEY`.
        region: `eu` (default), `us`, `jp` or `hipaa`.
        base_url: A Langfuse of your own; else `LANGFUSE_BASE_URL`, `LANGFUSE_HOST`.
    """
    where = "Langfuse shows both keys under Settings, API Keys"
    public = required_secret(public_key, "public_key", where, "LANGFUSE_PUBLIC_KEY")
    private = required_secret(secret_key, "secret_key", where, "LANGFUSE_SECRET_KEY")
    if public.startswith("sk-") or private.startswith("pk-"):
        raise SettingsError(
            "public_key and secret_key are swapped: the public one begins with pk-, the secret one with sk-."
        )
    hosts = {"eu": "https://cloud.langfuse.com"}
    hosts.update({name: f"https://{name}.cloud.langfuse.com" for name in ("us", "jp", "hipaa")})
    if base_url is not None and region is not None:
        raise SettingsError(
            "base_url and region are both given: region chooses one of Langfuse's hosts, leave one out."
        )
    named = None if region is not None else argument_or_env(base_url, "base_url", "LANGFUSE_BASE_URL", "LANGFUSE_HOST")
    base = named or choice_of(region or "eu", "region", hosts)
    url = traces_url(base, "base_url", _TRACES)
    return http_destination(
        "langfuse",
        url,
        common,
        headers={
            "Authorization": f"Basic {b64encode(f'{public}:{private}'.encode()).decode()}",
            "x-langfuse-ingestion-version": "4",
        },
        render=lambda convention: langfuse_gen_ai if convention == "gen_ai" else CONVENTIONS[convention],
        scores=(without_path(url, _TRACES), LangfuseScores()),
    )


def langfuse_gen_ai(operation: Operation) -> Span:
    """Return the span of *operation* in gen_ai, with what Langfuse calls otherwise."""
    span = gen_ai.render(operation, cost=False)
    attributes: dict[str, AttributeValue] = {"openinference.span.kind": operation.kind.value}
    for name, value in span.attributes.items():
        if name.startswith(("gen_ai.usage.cache_write", "trace.metadata.")):
            continue
        attributes[_NAMES.get(name, name)] = value
    for key, value in operation.metadata.items():
        attributes[f"langfuse.trace.metadata.{key}"] = attribute(value)
    prompt = operation.detail.prompt if isinstance(operation.detail, Generation) else None
    if prompt is not None and prompt.name:
        attributes["langfuse.observation.prompt.name"] = prompt.name
        if prompt.version is not None and prompt.version.isdecimal():  # Langfuse's versions are numbers
            attributes["langfuse.observation.prompt.version"] = int(prompt.version)
    cost = operation.detail.cost if isinstance(operation.detail, Generation) else None
    if cost is not None:
        amounts = {"input": cost.input, "output": cost.output, "total": cost.total}
        stated = {name: amount for name, amount in amounts.items() if amount is not None}
        attributes["langfuse.observation.cost_details"] = dumps(stated)
    return replace(span, attributes=attributes)


class LangfuseScores:
    """Scores by `POST /api/public/scores` (read in langfuse 5.0.4): a list of them, and before that API one at a time.

    A score has one value there: beside a number the label goes into the metadata. One of the same id replaces the former, so
    the id of one with an identifier is made of its target, name and identifier.
    """

    def __init__(self) -> None:
        self._takes_lists = True

    def way(self, carrier: Operation) -> Way | str:
        """Take all."""
        return Way.API

    def send(self, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
        """Send them in one request, or, where Langfuse is too old for that, one by one."""
        if self._takes_lists:
            outcome, answer = call("POST", _SCORES, [_body(score) for score in scores])
            if outcome.status != 400:
                return _each(outcome, answer, len(scores))
        outcomes = [call("POST", _SCORES, _body(score))[0] for score in scores]
        if any(each.verdict is Verdict.DELIVERED for each in outcomes):
            self._takes_lists = False
        return outcomes


def _each(outcome: Outcome, answer: Any, count: int) -> Sequence[Outcome]:
    """Return what happened to each: a 207 says how many were rejected, and why, not which."""
    rejected = answer.get("rejected") if isinstance(answer, Mapping) else 0
    rejected = min(count, rejected) if isinstance(rejected, int) and rejected > 0 else 0
    if not rejected:
        return [outcome] * count
    errors = answer.get("errors")
    reasons = (
        [str(each.get("message", "")) for each in errors if isinstance(each, Mapping)]
        if isinstance(errors, list)
        else []
    )
    refused = Outcome(
        verdict=Verdict.REFUSED,
        reason="refused score",
        message="Langfuse refused a score",
        words=words("; ".join(reasons), (), 200),
        status=outcome.status,
    )
    return [*[refused] * rejected, *[outcome] * (count - rejected)]


def _body(score: SentScore) -> dict[str, object]:
    value: object = score.value
    kind = "NUMERIC"
    comment, more = score.explanation, {"annotator_kind": score.annotator, "identifier": score.identifier}
    if value is not None:
        more["label"] = score.label
    elif score.label is not None:
        value, kind = score.label, "CATEGORICAL"
    else:
        value, kind = (score.explanation or "")[:_LONGEST_TEXT], "TEXT"
        comment = score.explanation if len(score.explanation or "") > _LONGEST_TEXT else None
    target = {
        "traceId": score.trace_id if score.scope != "session" else None,
        "observationId": score.span_id if score.scope == "span" else None,
        "sessionId": score.session_id if score.scope == "session" else None,
    }
    own = {
        "id": _id(score, target),
        **target,
        "name": score.name,
        "value": value,
        "dataType": kind,
        "comment": comment,
        "timestamp": datetime.fromtimestamp(score.given_ns / 1e9, UTC).isoformat(),
        "metadata": {**score.metadata, **{name: given for name, given in more.items() if given is not None}},
    }
    return {name: given for name, given in own.items() if given is not None}


def _id(score: SentScore, target: Mapping[str, object]) -> str:
    if score.identifier is None:
        return f"spancast-{score.id}"
    whose = "|".join([*map(str, target.values()), score.name, score.identifier])
    return f"spancast-{sha256(whose.encode('utf-8', 'replace')).hexdigest()[:32]}"


PRESET = Preset(
    make=langfuse,
    title="Langfuse",
    required=("public_key", "secret_key"),
    secrets=("public_key", "secret_key"),
    variables={
        "public_key": ("LANGFUSE_PUBLIC_KEY",),
        "secret_key": ("LANGFUSE_SECRET_KEY",),
        "base_url": ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    },
    plain_headers=("x-langfuse-ingestion-version",),
    hints=Hints(
        hosts=("langfuse.com",),
        authorization_scheme="Basic",
        base_paths=("/api/public/otel",),
        key_refused={"langfuse.com": "keys belong to one region: try region='us' or 'eu'"},
    ),
)
