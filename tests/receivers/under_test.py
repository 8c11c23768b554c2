"""The receivers that are tried alike: how to send to each, what it gives back, and what it is known to change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from spancast import destinations
from spancast.destinations import Destination

from .arize_phoenix import running_phoenix
from .jaeger_server import running_jaeger
from .mlflow_server import EXPERIMENT, running_mlflow
from .otelcol import running_collector
from .program import Program
from .read_back import ReadSpan, Spans, of_snake_case
from .tempo_server import running_tempo

JSON, PROTOBUF = "http/json", "http/protobuf"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A running receiver."""

    url: str
    program: Program
    spans: Callable[[str, int], Spans]
    destination: Callable[..., Destination]
    arguments: Sequence[str]  # of `spancast destinations add`
    apart: Callable[[], tuple[Destination, Callable[[int], Mapping[str, int]]]] | None = None
    """Where reading by trace is slow: a project of its own, and the spans of each of its traces once there are so many."""

    def for_many(self, each: int) -> tuple[Destination, Callable[[Sequence[str]], Mapping[str, int]]]:
        """Return where to send many traces of *each* spans, and what says how many spans of each trace are there."""
        if self.apart is None:
            return self.destination(), lambda ids: {trace_id: len(self.spans(trace_id, each)) for trace_id in ids}
        backend, counts = self.apart()
        return backend, lambda ids: counts(each * len(ids))


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A kind of receiver.

    Attributes:
        start: Runs one, with its data in a folder.
        start_lasting: The same with data that outlives a restart, where that is another way.
        protocols: What its preset may be told to send.
        convention: What its preset sends.
        as_kept: What it makes of what was sent; with the protocol.
        as_sent: What it gives back, without what it added.
        changes: The same in words, for the documentation: what, and the source.
        many: Traces of 100 spans each in the test of many; `SPANCAST_MANY` has another number.
    """

    start: Callable[[Path], Any]
    protocols: tuple[str, ...]
    convention: str
    as_kept: Callable[[ReadSpan, str], ReadSpan]
    as_sent: Callable[[ReadSpan], ReadSpan]
    changes: Mapping[str, str]
    start_lasting: Callable[[Path], Any] | None = None
    many: int = 200


def _as_it_is(span: ReadSpan, _: str = "") -> ReadSpan:
    return span


# ---------------------------------------------------------------- the Collector
@contextmanager
def _collector(folder: Path) -> Iterator[Running]:
    with running_collector(folder) as held:
        yield Running(
            url=held.url,
            program=held.program,
            spans=held.spans,
            destination=lambda **keywords: destinations.otlp(held.traces_url, **{"name": "collector", **keywords}),
            arguments=("otlp", "--endpoint", held.traces_url, "--name", "collector"),
        )


# ---------------------------------------------------------------- Jaeger
@contextmanager
def _jaeger(folder: Path, on_disk: bool = False) -> Iterator[Running]:
    with running_jaeger(folder, on_disk=on_disk) as held:
        yield Running(
            url=held.url,
            program=held.program,
            spans=held.spans,
            destination=lambda **keywords: destinations.jaeger(held.url, **keywords),
            arguments=("jaeger", "--endpoint", held.url),
        )


# ---------------------------------------------------------------- Tempo
@contextmanager
def _tempo(folder: Path) -> Iterator[Running]:
    with running_tempo(folder) as held:
        yield Running(
            url=held.url,
            program=held.program,
            spans=held.spans,
            destination=lambda **keywords: destinations.tempo(held.url, **keywords),
            arguments=("tempo", "--endpoint", held.url),
        )


# ---------------------------------------------------------------- MLflow
@contextmanager
def _mlflow(folder: Path) -> Iterator[Running]:
    with running_mlflow(folder) as held:
        yield Running(
            url=held.url,
            program=held.program,
            spans=held.spans,
            destination=lambda **keywords: destinations.mlflow(base_url=held.url, experiment_id=EXPERIMENT, **keywords),
            arguments=("mlflow", "--base-url", held.url, "--experiment-id", EXPERIMENT),
        )


def _mlflow_keeps(span: ReadSpan, protocol: str) -> ReadSpan:
    attributes = {name: _object(value) for name, value in span.attributes.items()}
    return replace(span, kind=0, attributes=attributes, links=() if protocol == JSON else span.links)


def _object(value: Any) -> Any:
    """Return what a text says when it is a JSON object or array, else the value."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _without_mlflows_own(span: ReadSpan) -> ReadSpan:
    own = ("mlflow.", "service.name")
    return replace(
        span, attributes={name: value for name, value in span.attributes.items() if not name.startswith(own)}
    )


# ---------------------------------------------------------------- Phoenix
@contextmanager
def _phoenix(folder: Path) -> Iterator[Running]:
    with running_phoenix(folder) as held:

        def spans(trace_id: str, count: int) -> Spans:
            held.stored("receivers", trace_id, count)
            found = held.get(f"/v1/projects/receivers/spans/otlpv1?limit=1000&trace_id={trace_id}")["data"]
            return of_snake_case(found)

        yield Running(
            url=held.url,
            program=held.program,
            spans=spans,
            destination=lambda **keywords: destinations.phoenix(held.url, project_name="receivers", **keywords),
            arguments=("phoenix", "--endpoint", held.url, "--project-name", "receivers"),
            apart=lambda: (
                destinations.phoenix(held.url, project_name="many"),
                lambda wanted: held.counts("many", wanted),
            ),
        )


# OpenInference's attributes that are JSON texts: Phoenix reads them and keeps what they say
_JSON_TEXTS = ("metadata", "tool.parameters", "llm.prompt_template.variables")


def _phoenix_keeps(span: ReadSpan, _: str) -> ReadSpan:
    attributes: dict[str, Any] = {}
    for name, value in span.attributes.items():
        if isinstance(value, str) and name.endswith(_JSON_TEXTS):
            attributes |= _flat(name, json.loads(value))
        else:
            attributes[name] = value
    events = tuple((name, _as_phoenix_counts(time_ns), held) for name, time_ns, held in span.events)
    times = {"start_ns": _as_phoenix_counts(span.start_ns), "end_ns": _as_phoenix_counts(span.end_ns)}
    return replace(span, attributes=attributes, events=events, links=(), kind=0, **times)


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {key: item for part, held in value.items() for key, item in _flat(f"{name}.{part}", held).items()}
    return {name: value}


def _as_phoenix_counts(time_ns: int) -> int:
    """Return nanoseconds after a stay in a date of microseconds, which Phoenix makes of them, and writes as a double."""
    return int(datetime.fromtimestamp(time_ns / 1e9, UTC).timestamp() * 1_000_000_000)


RECEIVERS: dict[str, Receiver] = {
    "collector": Receiver(
        start=_collector,
        protocols=(JSON, PROTOBUF),
        convention="gen_ai",
        as_kept=_as_it_is,
        as_sent=_as_it_is,
        changes={},
    ),
    "jaeger": Receiver(
        start=_jaeger,
        start_lasting=partial(_jaeger, on_disk=True),
        protocols=(JSON, PROTOBUF),
        convention="gen_ai",
        as_kept=_as_it_is,
        as_sent=_as_it_is,
        changes={},
    ),
    "tempo": Receiver(
        start=_tempo,
        protocols=(JSON, PROTOBUF),
        convention="gen_ai",
        as_kept=_as_it_is,
        as_sent=_as_it_is,
        changes={"attributes": "of at most 2,048 bytes: the preset cuts longer ones before Tempo does"},
    ),
    "mlflow": Receiver(
        start=_mlflow,
        protocols=(PROTOBUF, JSON),
        convention="gen_ai",
        as_kept=_mlflow_keeps,
        as_sent=_without_mlflows_own,
        changes={
            "kind": "not kept: MLflow has span types of its own, read from the attributes",
            "attributes": "texts that are JSON objects or arrays come back as such; MLflow adds attributes of its own",
            "links": "lost when sent as JSON: it reads their ids as base64",
        },
    ),
    "phoenix": Receiver(
        start=_phoenix,
        many=50,  # it stores some 60 spans a second on a core that it shares
        protocols=(PROTOBUF,),
        convention="openinference",
        as_kept=_phoenix_keeps,
        as_sent=lambda span: replace(span, kind=0),
        changes={
            "kind": "not kept: OpenInference's span kind is an attribute",
            "times": "to the microsecond",
            "attributes": "`metadata` and other JSON texts of OpenInference come back by key",
            "links": "not kept",
        },
    ),
}
