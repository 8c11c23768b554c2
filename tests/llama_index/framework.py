"""What the installed LlamaIndex itself does differently from the newest, found by trying it, and where that is golden.

Each name is true on the older versions that it is about; its folder of goldens holds the trees that differ there.
"""

from __future__ import annotations

import asyncio
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent, base_agent
from llama_index.core.llms import MockLLM, mock
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.prompts import PromptTemplate, SelectorPromptTemplate
from llama_index.core.response_synthesizers.refine import DefaultRefineProgram
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.calling import call_tool
from pydantic import BaseModel

GOLDENS = Path(__file__).parent / "goldens"


class Word(BaseModel):
    """One argument."""

    word: str


def _asks_at_once() -> bool:
    program: Any = DefaultRefineProgram(prompt=PromptTemplate("{it}"), llm=MockLLM(max_tokens=2))
    try:
        next(program.stream_call(it="x"))
    except NotImplementedError:
        return True
    return False


def _drains() -> bool:
    program: Any = DefaultRefineProgram(prompt=PromptTemplate("{it}"), llm=MockLLM(max_tokens=2))
    return not ASKS_AT_ONCE and len(list(program.stream_call(it="a b c"))) == 1


def _runs_tools_elsewhere() -> bool:
    place: ContextVar[str] = ContextVar("place", default="elsewhere")

    def look() -> str:
        return place.get()

    async def call() -> Any:
        place.set("here")
        return (await FunctionTool.from_defaults(look).acall()).raw_output

    return asyncio.run(call()) == "elsewhere"


def _gives_one_argument_by_place() -> bool:
    given: list[tuple[Any, ...]] = []

    class Watched(FunctionTool):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            given.append(args)
            return super().__call__(*args, **kwargs)

    def say(word: str) -> str:
        return word

    call_tool(Watched.from_defaults(say), {"word": "x"})
    return given == [("x",)]


def _tries_one_argument_twice() -> bool:
    try:
        get_function_tool(Word)("x")
    except Exception:
        return ONE_ARGUMENT_BY_PLACE
    return False


with warnings.catch_warnings():
    warnings.simplefilter("ignore")

    ASKS_AT_ONCE = _asks_at_once()
    """A streamed query calls the model before it returns, not at the first token (before 0.14.22)."""

    DRAINS = _drains()
    """A streamed query reads the model's whole stream before it returns, and hands out one piece (0.14.22 to 0.14.24)."""

    TOOLS_ELSEWHERE = _runs_tools_elsewhere()
    """A sync tool runs in a thread without the agent's context: no parent of it can be found there (before 0.14.22)."""

    ONE_ARGUMENT_BY_PLACE = _gives_one_argument_by_place()
    """A tool's only argument is given by its place, without its name (before 0.14.25)."""

    ONE_ARGUMENT_TWICE = _tries_one_argument_twice()
    """A structured answer of one field is made by a call that fails and then a second one (before 0.14.18)."""

    TEXT_RERANKING = not isinstance(LLMRerank(llm=MockLLM()).choice_select_prompt, SelectorPromptTemplate)
    """The prompt of LLMRerank is a text, in other words than later (before 0.14.16)."""

    NO_EARLY_STOP = "early_stopping_method" not in FunctionAgent.model_fields
    """The error of an agent at its limit does not yet name `early_stopping_method` (before 0.14.13)."""

    WAITING_FAILS = not hasattr(base_agent, "_get_waiting_for_event_exception")
    """A tool that waits for a person counts as failed, and is not called again (before 0.14.7)."""

    MOCKS_FUNCTION_CALLS = hasattr(mock, "MockFunctionCallingLLM")

# the first folder that holds a tree of an application's name has the golden one
_FOLDERS = {
    "asked_at_once": ASKS_AT_ONCE,
    "drained": DRAINS,
    "one_argument_twice": ONE_ARGUMENT_TWICE,
    "one_argument_by_place": ONE_ARGUMENT_BY_PLACE,
    "text_reranking": TEXT_RERANKING,
    "no_early_stop": NO_EARLY_STOP,
    "waiting_fails": WAITING_FAILS,
}


def golden_of(name: str, convention: str) -> Path:
    """Return the file of an application's golden tree."""
    file = f"{name}.{convention}.json"
    folders = (GOLDENS / folder for folder, holds in _FOLDERS.items() if holds)
    return next((folder / file for folder in folders if (folder / file).exists()), GOLDENS / file)
