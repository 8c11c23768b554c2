"""LlamaIndex's evaluators are EVALUATOR operations with their score, though its dispatcher does not report them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.evaluation import BaseEvaluator, CorrectnessEvaluator, EvaluationResult
from llama_index.core.llms import CompletionResponse

from spancast import llama_index
from spancast.testing import RecordedTraces

from ..fakes.llama_index import PlainLLM


class _Judge(PlainLLM):
    """Says what a judge says."""

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text="4.5\nIt is right.")


class _Short(BaseEvaluator):
    """Judges by a rule of the application's own."""

    def _get_prompts(self) -> Any:
        return {}

    def _update_prompts(self, prompts: Any) -> None:
        pass

    async def aevaluate(self, query: Any = None, response: Any = None, contexts: Any = None, **more: Any) -> Any:
        return EvaluationResult(query=query, response=response, passing=len(response) < 9, feedback="It is short.")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_an_evaluator_has_its_score(way: str, traces: RecordedTraces) -> None:
    """One operation with the score; the model that judges lies beneath it."""
    evaluator = CorrectnessEvaluator(llm=_Judge())
    asked = {"query": "q", "response": "r", "reference": "s"}
    if way == "sync":
        evaluator.evaluate(**asked)
    else:
        asyncio.run(evaluator.aevaluate(**asked))
    trace = traces.last
    assert "EVALUATOR" == trace.root.kind
    assert 1 == trace.llm_calls
    (score,) = trace.scores
    assert ("correctness", 4.5, "pass", "It is right.") == (
        score["name"],
        score["value"],
        score["label"],
        score["explanation"].strip(),
    )


def test_an_evaluator_of_the_application_has_one_too(traces: RecordedTraces) -> None:
    """`passing` alone is a score of 1 or 0, whatever class it comes from."""
    _Short().evaluate(query="q", response="yes")
    _Short().evaluate(query="q", response="a long answer")
    assert [(1.0, "pass"), (0.0, "fail")] == [
        (score["value"], score["label"]) for trace in traces for score in trace.scores
    ]


def test_llama_indexs_own_functions_come_back() -> None:
    """Without tracing no class is decorated, one that was made meanwhile neither."""
    llama_index.uninstrument()
    before = CorrectnessEvaluator.aevaluate
    llama_index.instrument()
    during = CorrectnessEvaluator.aevaluate

    class _Later(_Short):
        async def aevaluate(self, *arguments: Any, **more: Any) -> Any:
            return await super().aevaluate(*arguments, **more)

    own = _Later.aevaluate
    llama_index.uninstrument()
    assert before is CorrectnessEvaluator.aevaluate
    assert during is not before
    assert own is not _Later.aevaluate
    assert "__init_subclass__" not in vars(BaseEvaluator)
