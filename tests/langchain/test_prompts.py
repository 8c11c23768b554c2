"""A prompt template's text, name and variables stand on the model call that the prompt was made for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.prompts import (
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
)
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.langchain.prompts import lines_of, name_of, template_text, variables_of

from ..fakes.langchain import ScriptedChat
from .trees import one


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


EXAMPLES = FewShotChatMessagePromptTemplate(
    examples=[{"number": "1"}], example_prompt=ChatPromptTemplate.from_messages([("human", "{number}")])
)
CHAT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in {style} words."),
        MessagesPlaceholder("history", optional=True),
        ("human", [{"type": "text", "text": "About {topic}:"}, {"type": "image_url", "image_url": "{address}"}]),
        ("ai", "Well,"),
    ]
)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (PromptTemplate.from_template("Hello {name}"), "Hello {name}"),
        (ChatPromptTemplate.from_messages([("human", "{q}")]), "{q}"),
        (
            ChatPromptTemplate.from_messages([("system", "Count."), EXAMPLES, ("human", "{q}")]),
            "system: Count.\n<FewShotChatMessagePromptTemplate>\nuser: {q}",
        ),
        (CHAT, "system: Answer in {style} words.\n{history}\nuser: About {topic}:\n{address}\nassistant: Well,"),
    ],
    ids=["text", "one message", "examples", "several"],
)
def test_the_text_of_a_template(prompt: Any, text: str) -> None:
    """The text as it is written, with its variables in place; with several messages one a line, each with its role."""
    assert text == template_text(lines_of(prompt._serialized))


@pytest.mark.parametrize(
    "form", [None, 7, {}, {"kwargs": []}, {"kwargs": {"messages": [None, {"kwargs": {"prompt": 3}}]}}]
)
def test_what_is_no_template_has_no_text(form: Any) -> None:
    """LangChain's form of an object may be anything."""
    assert not (template_text(lines_of(form)) or "").strip()
    assert (None, {"a": 1}) == (name_of(form), variables_of(form, {"a": 1}))


def test_a_templates_text_is_bounded() -> None:
    """However long it is."""
    long = PromptTemplate.from_template("x" * 1_000_000)
    assert 262_144 == len(template_text(lines_of(long._serialized)) or "")


def test_text_and_variables_reach_the_model_call(config: Any, memory: MemoryDestination) -> None:
    """The partial variables are among them."""
    prompt = ChatPromptTemplate.from_messages([("system", "Be {style}."), ("human", "{q}")]).partial(style="brief")
    (prompt | ScriptedChat(script=["a"])).invoke({"q": "why"}, config)
    attributes = one(memory.spans, "ScriptedChat").attributes
    assert "system: Be {style}.\nuser: {q}" == attributes["llm.prompt_template.template"]
    assert {"style": "brief", "q": "why"} == json.loads(attributes["llm.prompt_template.variables"])


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "with_fallbacks": lambda model: ScriptedChat(script=[ValueError("overloaded")]).with_fallbacks([model]),
    "with_retry": lambda model: model.with_retry(stop_after_attempt=2),
    "parallel branches": lambda model: RunnableParallel(first=model, second=model),
    "a function's choice": lambda model: RunnableLambda(lambda prompt: model),
    "a branch": lambda model: RunnableBranch((lambda prompt: True, model), model),
}


@pytest.mark.parametrize("way", WRAPPED)
@pytest.mark.parametrize(
    "prompt",
    [ChatPromptTemplate.from_template("Joke about {topic}"), PromptTemplate.from_template("Joke about {topic}")],
)
def test_a_prompt_reaches_the_model_inside_what_is_wrapped_around_it(
    prompt: Any, way: str, config: Any, memory: MemoryDestination
) -> None:
    """Fallbacks, retries and parallel branches are chains of their own between a prompt and its model."""
    (prompt | WRAPPED[way](ScriptedChat(script=["ha"]))).invoke({"topic": "cats"}, config)
    models = [span.attributes for span in memory.spans if span.kind.value == "LLM"]
    assert models
    assert {"Joke about {topic}"} == {each.get("llm.prompt_template.template") for each in models}
    assert {'{"topic":"cats"}'} == {each.get("llm.prompt_template.variables") for each in models}


def test_a_prompt_is_not_that_of_another_call(config: Any, memory: MemoryDestination) -> None:
    """A function that gets the prompt and asks a model something else has not used it."""
    model = ScriptedChat(script=["ha"])
    (ChatPromptTemplate.from_template("Joke about {topic}") | RunnableLambda(lambda _: model.invoke("Hello"))).invoke(
        {"topic": "cats"}, config
    )
    assert [None] == [
        span.attributes.get("llm.prompt_template.template") for span in memory.spans if span.kind.value == "LLM"
    ]


def test_a_value_alone_is_that_of_the_only_variable(config: Any, memory: MemoryDestination) -> None:
    """LangChain takes it so."""
    (PromptTemplate.from_template("Hello {name}") | ScriptedChat(script=["a"])).invoke("Ada", config)
    assert '{"name":"Ada"}' == one(memory.spans, "ScriptedChat").attributes["llm.prompt_template.variables"]


@pytest.mark.parametrize(
    ("named", "metadata", "name"),
    [("greeting", {}, "greeting"), (None, {"prompt_name": "triage"}, "triage"), (None, {}, None)],
)
def test_a_prompts_name(named: str | None, metadata: Any, name: str | None) -> None:
    """The template's own, or the metadata `prompt_name`; the name of its class is none. Also without content."""
    prompt = PromptTemplate.from_template("Hello {name}", name=named)
    for privacy in (False, True):
        memory = destinations.memory(convention="gen_ai", privacy_mode=privacy)
        with spancast.Pipeline(memory) as pipeline:
            config: Any = {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)], "metadata": metadata}
            (prompt | ScriptedChat(script=["a"])).invoke({"name": "Ada"}, config)
        (call,) = [span for span in memory.spans if span.kind == "LLM"]
        assert name == call.attributes.get("gen_ai.prompt.name")
        assert (None if privacy else "Ada") == call.attributes.get("gen_ai.prompt.variable.name")
        assert not privacy or "Hello" not in repr(memory.spans)
