"""Arize AX: its preset and what only Arize knows."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlencode, urlsplit

from ... import validation
from ...diagnostics.hints import Hints
from ...otlp.outcome import Outcome, Verdict
from ...record.operation import Operation, Score
from ...recording.notice import warn_once
from ...validation import SettingsError
from ..arguments import argument_or_env, one_of_two_names, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset
from ..scores import Call, SentScore, Way
from ..targets.scores import waits_for_its_span

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

ARIZE_URL = "https://otlp.arize.com"
_PATIENCE = 300.0  # seconds for which an annotation waits until Arize, which stores later, knows the span
_REGIONS = {
    "us": "otlp.arize.com",
    "eu": "otlp.eu-west-1a.arize.com",
    "ca": "otlp.ca-central-1a.arize.com",
    **{name: f"otlp.{name}.arize.com" for name in ("ca-central-1a", "eu-west-1a", "us-central-1a", "us-east-1b")},
}
NO_SPACE_ID = (
    "space_key does not look like an Arize Space ID (base64 of 'Space:...'). With the space's name "
    "instead, Arize answers 200 and stores nothing; copy the ID from Space Settings."
)


@keywords_checked
def arize(
    *,
    api_key: str | None = None,
    space_key: str | None = None,
    model_id: str | None = None,
    base_url: str | None = None,
    space_id: str | None = None,
    project_name: str | None = None,
    region: str | None = None,
    api_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Arize AX, in OpenInference.

    What it does differently (Arize's documentation and the source of its own senders):
    * keys go into headers of its own, sent in every spelling that Arize's senders use; no `Bearer`;
    * a path other than `/v1/traces` is answered with 200 and the spans are discarded, so the path is always completed;
    * the space header wants the space's base64 *id*; with its name the answer is 200 and nothing arrives: we warn;
    * without a project name it answers 500; the project goes onto the resource and onto every span;
    * what humans say of a span is an annotation, sent to its REST API; an annotation config has to be there;
    * its body limit is not published: requests stay below 4 MB.

    Args:
        api_key: From Settings, API Keys; else `ARIZE_API_KEY`.
        space_key: The Space ID, from Space Settings; else `ARIZE_SPACE_ID`.
        model_id: The Arize project name, as OpenRouter's form calls it; else `ARIZE_PROJECT_NAME`, else `default`.
        base_url: Another host, with or without `/v1/traces`; else `ARIZE_COLLECTOR_ENDPOINT`.
        space_id: The same as `space_key`, in Arize's own words.
        project_name: The same as `model_id`, in Arize's own words.
        region: `us` (default), `eu`, `ca`, or a region's full name.
        api_url: Arize's REST API, which takes the scores of humans; else that of the region. With a `base_url` that is not
            Arize's there is none, and scores go as spans.

    Raises:
        SettingsError: When a key is missing or cannot be one.
    """
    key = required_secret(api_key, "api_key", "Arize shows it under Settings, API Keys", "ARIZE_API_KEY")
    where = "Arize shows the Space ID under Space Settings"
    space_argument = one_of_two_names("space_key", space_key, "space_id", space_id)
    space = required_secret(space_argument, "space_key", where, "ARIZE_SPACE_ID", "ARIZE_SPACE_KEY")
    if not is_space_id(space):
        warn_once("arize-space", "spancast: %s", NO_SPACE_ID)
    project_argument = one_of_two_names("model_id", model_id, "project_name", project_name)
    project = validation.text(
        argument_or_env(project_argument, "model_id", "ARIZE_PROJECT_NAME") or "default", "model_id", "my-project"
    )
    url = arize_url(base_url, region)
    api = api_of(url) if api_url is None else traces_url(api_url, "api_url", "")
    return http_destination(
        "arize",
        url,
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={
            "authorization": key,
            "arize-api-key": key,
            "api_key": key,
            "arize-space-id": space,
            "space_id": space,
            "arize-interface": "otel",
        },
        resource={"openinference.project.name": project, "arize.project.name": project, "model_id": project},
        span_attributes={"arize.project.name": project},
        scores=(api, ArizeAnnotations(project, space)) if api else None,
        score_headers={"authorization": f"Bearer {key}"},
    )


def api_of(url: str) -> str | None:
    """Return Arize's REST API of the region whose address for traces is *url*; None for a host that is not Arize's."""
    host = urlsplit(url).hostname or ""
    if host.startswith("otlp.") and host.endswith("arize.com"):
        return f"https://api.{host.removeprefix('otlp.')}"
    return None


class ArizeAnnotations:
    """Scores of humans as Arize's annotations (`POST /v2/spans/annotate`, read in the package arize).

    Arize wants an annotation config of the score's name first, and writes nothing where it does not know the span: a score
    is tried again for a while. What a model or code judges is no annotation there: it goes as a span of kind EVALUATOR, as
    does the score of a trace whose root is not known.
    """

    def __init__(self, project: str, space: str) -> None:
        self._project = project
        self._space = space
        self._project_id: str | None = None

    def way(self, carrier: Operation) -> Way | str:
        """Take what humans say of spans, sessions, and traces whose root is known."""
        score = carrier.detail
        known = bool(carrier.links) or (isinstance(score, Score) and score.scope == "session")
        return Way.API if isinstance(score, Score) and score.annotator == "human" and known else Way.SPAN

    def send(self, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
        """Send one request for each score: one span that is not known would let all of a request fail."""
        problem = self._find_project(call)
        return [problem or self._sent(score, call) for score in scores]

    def _find_project(self, call: Call) -> Outcome | None:
        if self._project_id is not None:
            return None
        query = urlencode({"space_id": self._space, "name": self._project, "limit": 100})
        outcome, answer = call("GET", f"/v2/projects?{query}", None)
        listed = answer.get("projects") if isinstance(answer, Mapping) else None
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, Mapping) and each.get("name") == self._project and isinstance(each.get("id"), str):
                self._project_id = each["id"]
                return None
        if outcome.verdict is not Verdict.DELIVERED:
            return outcome
        message = f"Arize has no project {self._project!r} yet"  # it is made by its first span
        return Outcome(verdict=Verdict.RETRY, reason="no project", message=message)

    def _sent(self, score: SentScore, call: Call) -> Outcome:
        value = {"name": score.name, "score": score.value, "label": score.label, "text": score.explanation}
        record = {
            "record_id": score.session_id if score.scope == "session" else score.span_id,
            "values": [{name: given for name, given in value.items() if given is not None}],
        }
        body = {"project_id": self._project_id, "granularity": score.scope.upper(), "annotations": [record]}
        return waits_for_its_span(call("POST", "/v2/spans/annotate", body)[0], score, _PATIENCE)


def arize_url(base_url: str | None, region: str | None) -> str:
    """Return the URL that takes traces: a host, `/v1` and `/v1/traces` all end at `/v1/traces`."""
    if base_url is not None and region is not None:
        raise SettingsError(
            "base_url and region are both given: region chooses one of Arize's own hosts, leave one out."
        )
    base_url = argument_or_env(base_url, "base_url")
    if region is not None:
        host = _REGIONS.get(str(region).lower())
        if host is None:
            names = ", ".join(_REGIONS)
            raise SettingsError(f"region={region!r} is not known: use one of {names}, or base_url= for a private host.")
        return f"https://{host}/v1/traces"
    argument = "base_url" if base_url is not None else "ARIZE_COLLECTOR_ENDPOINT"
    base = base_url if base_url is not None else os.environ.get("ARIZE_COLLECTOR_ENDPOINT") or ARIZE_URL
    if isinstance(base, str) and "://" not in base and re.fullmatch(r"[\w.-]+\.[a-z]+(:\d+)?(/.*)?", base):
        base = f"https://{base}"
    return traces_url(base, argument)


def is_space_id(space: str) -> bool:
    """Return whether *space* is base64 of `Space:<n>:...`: Arize answers 200 to a space's name and drops the spans."""
    try:
        return b64decode(space, validate=True).startswith(b"Space:")
    except ValueError:
        return False


def _mistakes(url: SplitResult, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    host = url.hostname or ""
    if host.endswith("arize.com") and host.startswith("otlp.") and not url.path.endswith("/v1/traces"):
        yield "E110", "Arize answers 200 there and drops the spans"
    space = headers.get("arize-space-id") or headers.get("space_id")
    if space is not None and not is_space_id(space) and (host.startswith("otlp.") or "arize-interface" in headers):
        yield "E111", "the header arize-space-id holds something else"


_OTHER_REGION = "keys belong to one region: try region='us', else copy the API key again"
PRESET = Preset(
    make=arize,
    title="Arize AX",
    required=("api_key", "space_key"),
    instead={"space_key": ("space_id",)},
    secrets=("api_key", "space_key", "space_id"),
    variables={
        "api_key": ("ARIZE_API_KEY",),
        "space_key": ("ARIZE_SPACE_ID", "ARIZE_SPACE_KEY"),
        "model_id": ("ARIZE_PROJECT_NAME",),
        "base_url": ("ARIZE_COLLECTOR_ENDPOINT",),
    },
    plain_headers=("arize-interface",),
    hints=Hints(
        key_headers=("api_key", "arize-api-key"),
        key_alone="arize-interface",
        key_refused={
            "otlp.arize.com": "keys belong to one region: try region='eu' or 'ca', else copy the API key again",
            "eu-west-1a.arize.com": _OTHER_REGION,
            "ca-central-1a.arize.com": _OTHER_REGION,
        },
        host_unknown={
            "arize.com": "use destinations.arize(region='us' | 'eu' | 'ca'), or Arize's address for your private region as "
            "base_url="
        },
        mistakes=_mistakes,
    ),
)
