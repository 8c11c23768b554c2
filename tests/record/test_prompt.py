"""Which prompt a model call was made with: from trace fields, LangChain's hub and Langfuse, in each convention's names."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate

from spancast import Pipeline, destinations
from spancast.destinations.backends.langfuse import langfuse_gen_ai
from spancast.langchain import SpancastCallbackHandler
from spancast.record.operation import Generation, Kind, Operation
from spancast.record.prompt import PromptIdentity, prompt_in, without_prompt

HUB = {"lc_hub_owner": "shop", "lc_hub_repo": "triage", "lc_hub_commit_hash": "abc123"}
FIELD = {"name": "triage", "version": 7, "id": "p1", "url": "https://prompts.example.com/p1", "vendor": "langfuse"}


@pytest.mark.parametrize(
    ("metadata", "identity"),
    [
        ({"prompt": FIELD}, PromptIdentity(**{**FIELD, "version": "7"})),
        (HUB, PromptIdentity(name="shop/triage", version="abc123", vendor="langchain-hub")),
        ({**HUB, "lc_hub_owner": "-"}, PromptIdentity(name="triage", version="abc123", vendor="langchain-hub")),
        ({"langfuse_prompt": {"name": "t", "version": 3}}, PromptIdentity(name="t", version="3", vendor="langfuse")),
        ({**HUB, "prompt": {"name": "own"}}, PromptIdentity(name="own")),
        ({"prompt": "You are a shop."}, None),
        ({"prompt": {"text": "You are a shop."}}, None),
        ({"prompt": {"name": True, "version": []}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_identity_is_read(metadata: Any, identity: PromptIdentity | None) -> None:
    """A trace field wins; what is no identity is none, and stays metadata."""
    assert identity == prompt_in(metadata)
    if identity is None:
        assert metadata == without_prompt(metadata)


@pytest.mark.parametrize(
    ("convention", "attributes"),
    [
        ("openinference", {"llm.prompt_template.version": "7", "prompt.id": "p1", "prompt.vendor": "langfuse"}),
        ("gen_ai", {"gen_ai.prompt.name": "triage", "gen_ai.prompt.version": "7"}),
    ],
)
@pytest.mark.parametrize("private", [False, True])
def test_trace_fields_name_the_prompt(convention: str, attributes: dict[str, str], private: bool) -> None:
    """On generations, and not again as metadata; its address does not leave in privacy mode."""
    memory = destinations.memory(convention=convention, privacy_mode=private)
    with Pipeline(memory):
        config: Any = {"callbacks": [SpancastCallbackHandler()], "metadata": {"trace": {"prompt": FIELD}, "user": "u1"}}
        (ChatPromptTemplate.from_template("{q}") | FakeListChatModel(responses=["a"])).invoke({"q": "hi"}, config)
    for span in memory.spans:
        named = {key: value for key, value in span.attributes.items() if key in attributes}
        assert (attributes if span.kind is Kind.LLM else {}) == named
        assert "prompts.example.com" not in repr(span) or (span.kind is Kind.LLM and not private)
        assert not [key for key in span.attributes if key.startswith(("metadata", "trace.metadata"))]


def test_a_prompt_of_the_hub_names_itself() -> None:
    """LangChain's hub puts its names into the template's metadata; the variables are there as well."""
    memory = destinations.memory(convention="gen_ai")
    template = ChatPromptTemplate.from_template("{q}")
    template.metadata = dict(HUB)
    with Pipeline(memory):
        (template | FakeListChatModel(responses=["a"])).invoke({"q": "hi"}, {"callbacks": [SpancastCallbackHandler()]})
    (call,) = [span for span in memory.spans if span.kind is Kind.LLM]
    assert ("shop/triage", "abc123", "hi") == (
        call.attributes["gen_ai.prompt.name"],
        call.attributes["gen_ai.prompt.version"],
        call.attributes["gen_ai.prompt.variable.q"],
    )


def test_langfuse_links_the_generation_to_its_prompt() -> None:
    """By name and number."""
    detail = Generation(prompt=PromptIdentity(name="triage", version="3", vendor="langfuse"))
    operation = Operation(kind=Kind.LLM, name="m", trace_id=1, span_id=2, start_ns=1, end_ns=2, detail=detail)
    attributes = langfuse_gen_ai(operation).attributes
    assert ("triage", 3) == (
        attributes["langfuse.observation.prompt.name"],
        attributes["langfuse.observation.prompt.version"],
    )
