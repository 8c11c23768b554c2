"""A user's metadata and tags are shown whatever their names; what the frameworks add for themselves is not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.langchain.metadata import prompt_identity, read_tags, shown_metadata

from ..fakes.langchain import ScriptedChat
from .trees import one


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


@pytest.mark.parametrize(
    "name",
    ["ls_team", "lc_project", "ls_providers", "lc", "ls_", "__internal", "__", "langgraph_team", "trace_idea", "hub"],
)
def test_a_users_key_is_kept_whatever_it_begins_with(name: str, config: Any, memory: MemoryDestination) -> None:
    """Nothing is dropped by a prefix."""
    RunnableLambda(lambda text: text).invoke("x", {**config, "metadata": {name: "mine"}})
    assert "mine" == one(memory.spans, "RunnableLambda").attributes[f"metadata.{name}"]


def test_what_frameworks_put_there_is_not_shown(config: Any, memory: MemoryDestination) -> None:
    """A model's own span says provider, model and parameters in their places, not once more as metadata."""
    ScriptedChat().invoke("hi", {**config, "metadata": {"team": "blue"}})
    attributes = one(memory.spans, "ScriptedChat").attributes
    assert {"metadata.team": "blue"} == {key: value for key, value in attributes.items() if key.startswith("metadata.")}
    assert {"team": "blue"} == orjson.loads(attributes["metadata"])


@pytest.mark.parametrize(
    "key",
    ["ls_provider", "ls_stop", "ls_invocation_params", "lc_versions", "lc_agent_name", "__pregel_read", "user_id"],
)
def test_names_of_the_frameworks_are_left_out(key: str) -> None:
    """By their exact names."""
    assert {} == shown_metadata({key: "x"})


HUB = {"lc_hub_owner": "acme", "lc_hub_repo": "triage", "lc_hub_commit_hash": "a1b2"}


@pytest.mark.parametrize(
    "template", [ChatPromptTemplate.from_messages([("human", "{x}")]), PromptTemplate.from_template("{x}")]
)
def test_a_prompt_of_the_hub_is_known_on_prompt_and_model(
    template: Any, config: Any, memory: MemoryDestination
) -> None:
    """The hub notes owner, name and commit in the template's metadata: the call that it was made for has them too."""
    again = RunnableLambda(lambda message: [message])  # type: ignore[var-annotated]
    chain = template.model_copy(update={"metadata": dict(HUB)}) | ScriptedChat() | again | ScriptedChat()
    chain.invoke({"x": "hi"}, config)
    spans = [span for span in sorted(memory.spans, key=lambda span: span.start_ns) if span.name != "RunnableLambda"]
    told = [{key: span.attributes.get(f"metadata.{key}") for key in HUB} for span in spans]
    nothing = dict.fromkeys(HUB)
    assert [nothing, HUB, HUB, nothing] == told


class PromptClient:
    """As Langfuse's SDK makes it."""

    def __init__(self) -> None:
        self.name, self.version, self.labels, self.is_fallback = "triage", 7, ["production"], False
        self.prompt, self.config = "a secret text", {"api_key": "sk-1"}


def test_a_prompt_of_langfuse_is_known_by_name_and_version(config: Any, memory: MemoryDestination) -> None:
    """Its object is in the template's metadata; the text and the configuration in it stay there."""
    template = ChatPromptTemplate.from_messages([("human", "{x}")])
    template.metadata = {"langfuse_prompt": PromptClient()}
    (template | ScriptedChat()).invoke({"x": "hi"}, config)
    expected = {"name": "triage", "version": 7, "labels": ["production"]}
    for name in ("ChatPromptTemplate", "ScriptedChat"):
        assert expected == orjson.loads(one(memory.spans, name).attributes["metadata.langfuse_prompt"])


@pytest.mark.parametrize("prompt", [None, 7, "triage", ["triage"]])
def test_a_prompts_identity_may_be_anything(prompt: Any) -> None:
    """What is no object of Langfuse's is shown as it is."""
    expected = {} if prompt is None else {"langfuse_prompt": prompt}
    assert expected == prompt_identity({"langfuse_prompt": prompt})


def test_metadata_of_mcp_servers_is_content() -> None:
    """What a server says about its tools and requests leaves only where content may."""
    seen, hidden = spancast.destinations.memory(), spancast.destinations.memory(privacy_mode=True)

    @tool
    def search(query: str) -> str:
        """Search."""
        return "found"

    search.metadata = {"mcp": {"meta": {"note": "canary"}}, "_meta": {"note": "canary"}, "readOnlyHint": True}
    with spancast.Pipeline(seen, hidden):
        search.invoke({"query": "x"}, {"callbacks": [SpancastCallbackHandler()]})
    assert "canary" in str(one(seen.spans, "search").attributes["metadata.mcp"])
    assert "canary" not in str([(span.attributes, span.events) for span in hidden.spans])


@pytest.mark.parametrize(
    ("tags", "own", "is_node", "attempt"),
    [
        (("seq:step:1", "vip", "langsmith:hidden", "map:key:a"), ("vip",), False, 0),
        (("graph:step:3", "graph:step:-1"), (), True, 0),
        (("retry:attempt:2", "retry:attempt:3"), (), False, 3),
        (("condition:1", "branch:2", "branch:default"), (), False, 0),
        (("condition:flu", "branch:main", "seq:step:one", "graph", "map"),) * 2 + (False, 0),
    ],
)
def test_tags_of_a_user_are_kept_whatever_they_look_like(
    tags: tuple[str, ...], own: tuple[str, ...], is_node: bool, attempt: int
) -> None:
    """Only the forms that the frameworks themselves write are theirs."""
    assert (own, is_node, attempt) == read_tags(tags)
