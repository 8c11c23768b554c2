"""What metrics cost: in the application's thread, in the encoder's, and what the SDK's own instruments would take.

    python benchmarks/metrics.py [--rounds 9]

Each figure is the median of rounds that alternate, in CPU microseconds of the one thread that is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from tests.fakes.langchain import ScriptedChat

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.metrics.lane import MetricsLane

URL = "http://127.0.0.1:9/v1/metrics"  # nothing listens: exports are not what is measured
CALLS = 400


def chain() -> Any:
    """Return a chain of a prompt's step, a model and a parser's step."""
    usage = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150, "input_token_details": {"cache_read": 40}}
    answer = AIMessage("yes", usage_metadata=usage, response_metadata={"cost": 0.01, "model_name": "gpt-4o-2024"})
    step = RunnableLambda(lambda value: value)
    return step | ScriptedChat(script=[answer]) | step


def callbacks(pipeline: spancast.Pipeline) -> float:
    """Return the CPU of the application's thread for the callbacks of one model call, and nothing else."""
    handler = SpancastCallbackHandler(pipeline=pipeline)
    question, answer = [[HumanMessage("question")]], result()
    serialized, parameters = {"name": "ChatOpenAI"}, {"model": "gpt-4o", "_type": "openai-chat"}
    ids = [uuid4() for _ in range(CALLS)]
    began = time.thread_time()
    for run_id in ids:
        handler.on_chat_model_start(serialized, question, run_id=run_id, invocation_params=parameters)
        handler.on_llm_end(answer, run_id=run_id)
    taken = time.thread_time() - began
    pipeline.flush(0.05)
    return taken / CALLS * 1e6


def result() -> LLMResult:
    """Return a model's answer as callbacks get it."""
    usage = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150, "input_token_details": {"cache_read": 40}}
    answer = AIMessage("yes", usage_metadata=usage, response_metadata={"cost": 0.01, "model_name": "gpt-4o-2024"})
    return LLMResult(generations=[[ChatGeneration(message=answer)]])


def pipeline_of(rate: float, *, metrics: bool) -> spancast.Pipeline:
    """Return a pipeline whose spans go nowhere far."""
    more = (destinations.otlp_metrics(URL, interval=3600.0),) if metrics else ()
    return spancast.Pipeline(destinations.memory(sampling_rate=rate), *more)


def captured_chain() -> list[Any]:
    """Return the captured operations of one chain, translated, as the encoder has them for the spans anyway."""
    found: list[Any] = []
    pipeline = pipeline_of(1.0, metrics=False)
    pipeline.recorder._offer = found.append
    chain().invoke("question", config={"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]})
    for captured in found:
        captured.operation()
    return found


def encoder(found: list[Any]) -> float:
    """Return the CPU for counting one span."""
    made = destinations.otlp_metrics(URL, interval=3600.0)
    assert made.metrics is not None
    lane = MetricsLane(made, made.metrics, dict)
    lane.worker.start = lambda: True  # type: ignore[method-assign]
    chunk = found * 8
    began = time.thread_time()
    for _ in range(200):
        lane.count(chunk)
    return (time.thread_time() - began) / (200 * len(chunk)) * 1e6


def sdk() -> float:
    """Return the CPU of one measurement with an instrument of the SDK."""
    instrument = MeterProvider(metric_readers=[InMemoryMetricReader()]).get_meter("m").create_histogram("h")
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
    began = time.thread_time()
    for _ in range(5000):
        instrument.record(0.5, attributes)
    return (time.thread_time() - began) / 5000 * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    pipelines = {
        (rate, metrics): pipeline_of(rate, metrics=metrics) for rate in (1.0, 0.0001) for metrics in (False, True)
    }
    found = captured_chain()
    measures: dict[str, Callable[[], float]] = {
        **{
            f"callback, rate {rate:g}, metrics {'on' if metrics else 'off'}": (lambda p=pipeline: callbacks(p))
            for (rate, metrics), pipeline in pipelines.items()
        },
        "encoder, a span of a chain": lambda: encoder(found),
        "SDK's instrument, a measurement": sdk,
    }
    for measure in measures.values():
        measure()
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    for name, values in taken.items():
        print(f"{name:40} {statistics.median(values):8.2f} us   (least {min(values):.2f})")
    for rate in ("1", "0.0001"):
        pairs = zip(
            taken[f"callback, rate {rate}, metrics on"], taken[f"callback, rate {rate}, metrics off"], strict=True
        )
        print(
            f"{f'callback, rate {rate}: added a span':40} {statistics.median([on - off for on, off in pairs]):8.2f} us"
        )
    for pipeline in pipelines.values():
        pipeline.shutdown(0.1)


if __name__ == "__main__":
    main()
