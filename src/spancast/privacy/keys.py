"""Which attributes may leave in privacy mode: one table for both conventions, and what looks a name up in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

# One table for both conventions: may the attribute leave in privacy mode? A test renders everything that the conventions can
# say and fails when a name is not in here. `N` stands for an index, `*` at the end for any rest. A name that is not in
# here at all is content.
SAFE, CONTENT = True, False
KEYS: Mapping[str, bool] = {
    # both conventions
    "arize.project.name": SAFE,
    "error.type": SAFE,
    "gen_ai.embeddings.dimension.count": SAFE,
    "mcp.method.name": SAFE,
    "network.transport": SAFE,
    "server.address": SAFE,
    "server.port": SAFE,
    "session.id": SAFE,
    "spancast.embedding.count": SAFE,
    "spancast.ending": SAFE,
    "spancast.fault": SAFE,
    "spancast.kept_by": SAFE,
    "sampling.rate": SAFE,
    "SampleRate": SAFE,
    "spancast.internal_call": SAFE,
    "spancast.cut": SAFE,
    "user.id": SAFE,
    "exception.type": SAFE,  # of the exception event, which does not leave; `error.type` says it
    "exception.message": CONTENT,
    "exception.stacktrace": CONTENT,
    # OpenInference
    "agent.name": SAFE,
    "embedding.embeddings.N.embedding.text": CONTENT,
    "embedding.embeddings.N.embedding.vector": CONTENT,  # texts can be guessed from their vectors
    "embedding.invocation_parameters": SAFE,  # made of CONTENT_FREE only
    "embedding.model_name": SAFE,
    "evaluations.N.evaluation.annotator_kind": SAFE,
    "evaluations.N.evaluation.explanation": CONTENT,
    "evaluations.N.evaluation.identifier": SAFE,  # a name, or its hash
    "evaluations.N.evaluation.label": SAFE,  # likewise
    "evaluations.N.evaluation.metadata": CONTENT,
    "evaluations.N.evaluation.name": SAFE,
    "evaluations.N.evaluation.score": SAFE,
    "graph.node.id": SAFE,
    "graph.node.name": SAFE,
    "graph.node.parent_id": SAFE,
    "input.mime_type": CONTENT,  # says that there was an input, and nothing that is of use without it
    "input.value": CONTENT,
    "decision.*": SAFE,
    "llm.cache_hit": SAFE,
    "llm.choices.N.*": CONTENT,
    "llm.cost.*": SAFE,
    "llm.finish_reason": SAFE,
    "llm.input_messages.N.*": CONTENT,
    "llm.invocation_parameters": SAFE,  # made of CONTENT_FREE only
    "llm.model_name": SAFE,
    "llm.output_messages.N.*": CONTENT,
    "llm.prompt_template.template": CONTENT,
    "llm.prompt_template.variables": CONTENT,
    "llm.prompt_template.version": SAFE,
    "llm.prompts.N.*": CONTENT,
    "prompt.id": SAFE,
    "prompt.url": CONTENT,
    "prompt.vendor": SAFE,
    "llm.provider": SAFE,
    "llm.request.model_name": SAFE,
    "llm.response.model_name": SAFE,
    "llm.system": SAFE,
    "llm.token_count.*": SAFE,
    "llm.tools.N.*": CONTENT,
    "metadata": SAFE,
    "metadata.*": SAFE,
    "openinference.span.kind": SAFE,
    "output.mime_type": CONTENT,
    "output.value": CONTENT,
    "reranker.input_documents.N.document.content": CONTENT,
    "reranker.input_documents.N.document.id": SAFE,  # ids and scores say which document was found, not what it holds
    "reranker.input_documents.N.document.metadata": CONTENT,
    "reranker.input_documents.N.document.score": SAFE,
    "reranker.model_name": SAFE,
    "reranker.output_documents.N.document.content": CONTENT,
    "reranker.output_documents.N.document.id": SAFE,
    "reranker.output_documents.N.document.metadata": CONTENT,
    "reranker.output_documents.N.document.score": SAFE,
    "reranker.query": CONTENT,
    "reranker.top_k": SAFE,
    "retrieval.documents.N.document.content": CONTENT,
    "retrieval.documents.N.document.id": SAFE,
    "retrieval.documents.N.document.metadata": CONTENT,
    "retrieval.documents.N.document.score": SAFE,
    "session.evaluations.N.evaluation.annotator_kind": SAFE,
    "session.evaluations.N.evaluation.explanation": CONTENT,
    "session.evaluations.N.evaluation.identifier": SAFE,
    "session.evaluations.N.evaluation.label": SAFE,
    "session.evaluations.N.evaluation.metadata": CONTENT,
    "session.evaluations.N.evaluation.name": SAFE,
    "session.evaluations.N.evaluation.score": SAFE,
    "tag.tags": CONTENT,
    "tool.description": CONTENT,
    "tool.id": SAFE,
    "tool.name": SAFE,
    "tool.parameters": CONTENT,
    "trace.evaluations.N.evaluation.annotator_kind": SAFE,
    "trace.evaluations.N.evaluation.explanation": CONTENT,
    "trace.evaluations.N.evaluation.identifier": SAFE,
    "trace.evaluations.N.evaluation.label": SAFE,
    "trace.evaluations.N.evaluation.metadata": CONTENT,
    "trace.evaluations.N.evaluation.name": SAFE,
    "trace.evaluations.N.evaluation.score": SAFE,
    # gen_ai
    "gen_ai.agent.name": SAFE,
    "gen_ai.conversation.id": SAFE,
    "gen_ai.prompt.name": SAFE,
    "gen_ai.prompt.variable.*": CONTENT,
    "gen_ai.prompt.version": SAFE,
    "gen_ai.data_source.id": SAFE,
    "gen_ai.evaluation.explanation": CONTENT,
    "gen_ai.evaluation.name": SAFE,
    "gen_ai.evaluation.score.label": SAFE,
    "gen_ai.evaluation.score.value": SAFE,
    "gen_ai.input.messages": CONTENT,
    "gen_ai.operation.name": SAFE,
    "gen_ai.output.messages": CONTENT,
    "gen_ai.output.type": SAFE,
    "gen_ai.provider.name": SAFE,
    "gen_ai.request.choice.count": SAFE,
    "gen_ai.request.frequency_penalty": SAFE,
    "gen_ai.request.max_tokens": SAFE,
    "gen_ai.request.model": SAFE,
    "gen_ai.request.presence_penalty": SAFE,
    "gen_ai.request.reasoning.level": SAFE,
    "gen_ai.request.seed": SAFE,
    "gen_ai.request.stop_sequences": CONTENT,
    "gen_ai.request.stream": SAFE,
    "gen_ai.request.temperature": SAFE,
    "gen_ai.request.top_k": SAFE,
    "gen_ai.request.top_p": SAFE,
    "gen_ai.response.cache_hit": SAFE,
    "gen_ai.response.finish_reasons": SAFE,
    "gen_ai.response.id": SAFE,
    "gen_ai.response.model": SAFE,
    "gen_ai.response.time_to_first_chunk": SAFE,
    "gen_ai.retrieval.documents": CONTENT,
    "gen_ai.retrieval.query.text": CONTENT,
    "gen_ai.retrieval.top_k": SAFE,
    "gen_ai.system_instructions": CONTENT,
    "gen_ai.tool.call.arguments": CONTENT,
    "gen_ai.tool.call.id": SAFE,
    "gen_ai.tool.call.result": CONTENT,
    "gen_ai.tool.definitions": CONTENT,
    "gen_ai.tool.description": CONTENT,
    "gen_ai.tool.name": SAFE,
    "gen_ai.tool.type": SAFE,
    "gen_ai.usage.*": SAFE,
    "gen_ai.workflow.name": SAFE,
    "openai.response.service_tier": SAFE,
    "spancast.evaluation.annotator_kind": SAFE,
    "spancast.evaluation.identifier": SAFE,
    "spancast.evaluation.metadata": CONTENT,
    "spancast.evaluation.scope": SAFE,
    "span.input": CONTENT,
    "span.output": CONTENT,
    "trace.metadata.*": SAFE,
    "trace.tags": CONTENT,
    # what Langfuse calls otherwise (destinations/llm_backends.py)
    "langfuse.observation.cost_details": SAFE,
    "langfuse.observation.input": CONTENT,
    "langfuse.observation.output": CONTENT,
    "langfuse.observation.prompt.name": SAFE,
    "langfuse.observation.prompt.version": SAFE,
    "langfuse.trace.metadata.*": SAFE,
}
SAFE_NAMES = frozenset(name for name, safe in KEYS.items() if safe and not name.endswith("*"))
SAFE_PREFIXES = tuple(name[:-1] for name, safe in KEYS.items() if safe and name.endswith("*"))
_INDEX = re.compile(r"\.\d+(?=\.)")


def is_safe(name: str) -> bool:
    """Return whether privacy mode lets the attribute *name* leave."""
    if name in SAFE_NAMES or name.startswith(SAFE_PREFIXES):
        return True
    # `.document.id`, `.document.score`, `.evaluation.name`, `.label`, `.identifier`
    return name[-1:] in "delr" and _INDEX.sub(".N", name) in SAFE_NAMES


def classification(name: str) -> bool | None:
    """Return what the table says of the attribute *name*, SAFE or CONTENT; None when it does not know the name."""
    plain = _INDEX.sub(".N", name)
    if plain in KEYS:
        return KEYS[plain]
    return next((safe for key, safe in KEYS.items() if key.endswith("*") and plain.startswith(key[:-1])), None)
