"""What a call of LlamaIndex's dispatcher is: by the instance that it belongs to, never by an event or a class's name."""

from __future__ import annotations

from typing import Any, Final

from llama_index.core.agent.workflow import AgentWorkflow, BaseWorkflowAgent
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.chat_engine.types import BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.evaluation.base import BaseEvaluator
from llama_index.core.image_retriever import BaseImageRetriever
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.multi_modal_llms import MultiModalLLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.schema import TransformComponent
from llama_index.core.tools import BaseTool
from llama_index.core.types import BaseOutputParser, BasePydanticProgram
from workflows import Workflow

from ..capture.class_cache import ClassCache
from ..record.operation import Kind

# What a call is to us; the words are those of the record where it has one.
GENERATION: Final = "generation"
EMBEDDING: Final = "embedding"
RETRIEVAL: Final = "retrieval"
RERANKING: Final = "reranking"
TOOL: Final = "tool"
EVALUATION: Final = "evaluation"
QUERY: Final = "query"  # query engines, chat engines, synthesizers: text in, text out
TRANSFORM: Final = "transform"
RUN: Final = "run"  # of a workflow
AGENT: Final = "agent"  # the run of an agent that is a workflow
STEP: Final = "step"  # of a workflow
CALL: Final = "call"  # anything else: the application's own functions and classes
OWN_REQUEST: Final = "own request"  # a model's own `structured_predict`: it may ask its provider without `chat`
INTERNAL: Final = "internal"  # layers between the others, left out unless all is to be shown

RUNS: Final = frozenset({RUN, AGENT})
KINDS: Final = {
    GENERATION: Kind.LLM,
    OWN_REQUEST: Kind.LLM,
    EMBEDDING: Kind.EMBEDDING,
    RETRIEVAL: Kind.RETRIEVER,
    RERANKING: Kind.RERANKER,
    TOOL: Kind.TOOL,
    AGENT: Kind.AGENT,
    EVALUATION: Kind.EVALUATOR,
}

_FAMILIES: Final[tuple[tuple[Any, str], ...]] = (
    (StructuredLLM, QUERY),  # asks another model, and is none
    ((BaseLLM, MultiModalLLM), GENERATION),
    ((BaseEmbedding, BaseSparseEmbedding), EMBEDDING),
    ((BaseRetriever, BaseImageRetriever), RETRIEVAL),
    (BaseNodePostprocessor, RERANKING),
    (BaseTool, TOOL),
    (BaseEvaluator, EVALUATION),
    ((BaseQueryEngine, BaseChatEngine, BaseSynthesizer), QUERY),
    (BaseWorkflowAgent, AGENT),
    (Workflow, RUN),
    (TransformComponent, TRANSFORM),
    ((BaseOutputParser, BasePydanticProgram, StreamingAgentChatResponse), INTERNAL),
)
_MODEL_CALLS: Final = frozenset(
    f"{prefix}{name}" for name in ("chat", "complete") for prefix in ("", "a", "stream_", "astream_")
)
_TRANSFORMS: Final = frozenset({"__call__", "acall", "_parse_nodes", "_aparse_nodes", "aextract"})
STRUCTURED: Final = frozenset(f"{prefix}structured_predict" for prefix in ("", "a", "stream_", "astream_"))
_ALONE: Final = STRUCTURED | {"predict_and_call", "apredict_and_call"}
_family_of = ClassCache(lambda kind: next((name for base, name in _FAMILIES if issubclass(kind, base)), CALL)).get


def family(instance: object) -> str:
    """Return what the calls of *instance* are; judged by its class alone, once for each class."""
    return _family_of(type(instance))


Plan = tuple[str, str, str]
"""What is the same in all calls of one method: its name, the name of its operation, the role of the call."""
_plans = ClassCache(lambda kind: dict[str, Plan]())
_MOST_PLANS = 1024  # of one class


def plan_of(instance: object, head: str) -> Plan:
    """Return the plan of a call; worked out once. *head*: what the dispatcher's id begins with, the method's full name."""
    plans = _plans.get(type(instance))
    found = plans.get(head)
    if found is None:
        if len(plans) >= _MOST_PLANS:
            plans.clear()
        found = plans[head] = _plan(instance, head)
    return found


known_plans = _plans.find
"""Returns a tuple of the plans of a class, by the heads of ids, for the class's id: `plan_of` without its call."""


def _plan(instance: object, head: str) -> Plan:
    qualified = head.rpartition("<locals>.")[2]
    around, _, method = qualified.rpartition(".")
    name = qualified if instance is None or method == "__call__" else f"{around}.{method.lstrip('_')}"
    return method, name, _role(instance, method)


def _role(instance: object, method: str) -> str:
    """Return what a call of *method* is; of a plain function a call, which is a step where a workflow's run calls it."""
    if instance is None:
        return CALL
    found = family(instance)
    if found == GENERATION and method not in _MODEL_CALLS:
        # predict, structured_predict, _prepare_chat_with_tools
        return OWN_REQUEST if method in STRUCTURED and _is_integrations_own(instance, method) else INTERNAL
    if found == EMBEDDING and method in ("__call__", "acall"):
        return INTERNAL  # embedding nodes in an ingestion: the batch beneath it is the embedding
    if found == QUERY and method == "reset":
        return INTERNAL  # a chat engine forgets its history
    if found == TRANSFORM and method not in _TRANSFORMS:
        return INTERNAL  # splitting single texts
    if found in RUNS and method != "run":
        return CALL
    return found


def _is_integrations_own(instance: object, method: str) -> bool:
    """Return whether a class of an integration replaces a method of LlamaIndex's own models."""
    return not str(getattr(getattr(type(instance), method, None), "__module__", "")).startswith("llama_index.core")


def is_layer(role: str, instance: object, method: str, outer: object, outer_method: str) -> bool:
    """Return whether a call is only a further layer of the call around it, of the same role, on the same instance."""
    if instance is None or instance is not outer:
        return False
    if role in (TOOL, RETRIEVAL, RERANKING):
        # a tool or retriever that calls itself by the same name is a recursion; a model never is one
        return method != outer_method
    return role not in (RUN, AGENT, CALL)


def stands_alone(instance: object, method: str) -> bool:
    """Return whether a layer is worth showing where nothing is around it, so that its parts have one root."""
    return method in _ALONE or isinstance(instance, BasePydanticProgram)


ONE: Final = 1
SEVERAL: Final = 2  # agents, that hand over to each other


def _agents_of(kind: type) -> int:
    return SEVERAL if issubclass(kind, AgentWorkflow) else ONE if issubclass(kind, BaseWorkflowAgent) else 0


_agents = ClassCache(_agents_of).get


def agents_in(instance: object) -> int:
    """Return whether a workflow is an agent (`ONE`) or made of several (`SEVERAL`); else 0."""
    return _agents(type(instance))


AGENT_STEPS: Final = frozenset(dir(BaseWorkflowAgent))
"""Among others the steps of LlamaIndex's own, of which every agent is made."""
