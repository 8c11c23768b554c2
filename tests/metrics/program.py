"""A program that asks a scripted model in many traces; `python -m tests.metrics.program` with what `parsed` lists."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from langchain_core.messages import AIMessage

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat

FAILS, SLOW, DEAR = 97, 211, 307  # every so many traces
SLOW_SECONDS, DEAR_DOLLARS = 0.25, 4.0


@dataclass(frozen=True)
class Call:
    """What the model call of one trace uses."""

    number: int

    @property
    def input_tokens(self) -> int:
        """Between 1 and 50."""
        return self.number % 50 + 1

    @property
    def output_tokens(self) -> int:
        """Between 1 and 20."""
        return self.number % 20 + 1

    @property
    def cost(self) -> float:
        """Of a kind that sums up exactly: multiples of 1/1024 dollar."""
        return DEAR_DOLLARS if self.number % DEAR == 5 else (self.number % 16) / 1024

    @property
    def fails(self) -> bool:
        """Whether the trace ends with an error, after the model's answer."""
        return self.number % FAILS == 3

    @property
    def is_slow(self) -> bool:
        """Whether the model takes its time."""
        return self.number % SLOW == 7

    def run(self, handler: SpancastCallbackHandler) -> None:
        """Ask the model in a trace of its own."""
        usage = {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }
        answer = AIMessage("yes", usage_metadata=usage, response_metadata={"cost": self.cost, "model_name": "m"})
        model = ScriptedChat(script=[answer], inside=(lambda: time.sleep(SLOW_SECONDS)) if self.is_slow else None)
        with spancast.trace(trace_name=f"trace {self.number}"):
            model.invoke("q", config={"callbacks": [handler]})
            if self.fails:
                raise ValueError("no")


def run(numbers: range) -> None:
    """Run the traces of *numbers*."""
    handler = SpancastCallbackHandler()
    for number in numbers:
        try:
            Call(number).run(handler)
        except ValueError:
            pass


def main(traces: str, metrics: str, temporality: str, start: int, count: int, forked: int) -> None:
    """Run *count* traces, numbered from *start*, and in a forked child another *forked*."""
    spancast.configure(
        destinations.otlp(
            traces,
            sampling_rate=0.01,
            keep_errors=True,
            keep_slower_than=SLOW_SECONDS,
            keep_costlier_than=DEAR_DOLLARS / 2,
            metrics={"endpoint": metrics, "temporality": temporality, "interval": 0.5},
        )
    )
    run(range(start, start + count // 2))
    if forked:
        child = os.fork()
        if not child:
            run(range(start + count, start + count + forked))
            spancast.shutdown(20)
            os._exit(0)
        run(range(start + count // 2, start + count))
        os.waitpid(child, 0)
    else:
        run(range(start + count // 2, start + count))
    spancast.shutdown(20)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
