"""The instruments: their names, units and buckets, as deployed and as their successors are named."""

from __future__ import annotations

from typing import Final

from ..record.fast_frozen import frozen

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_WORKFLOW_SECONDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_TOKENS = tuple(float(4**exponent) for exponent in range(14))
_DOLLARS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # no convention names any
_CALLS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # no convention names any
_TOKEN_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)  # of the server's instrument

DEPLOYED: Final = "deployed"
LATEST: Final = "latest"
NAMES: Final = (DEPLOYED, LATEST)


@frozen(kw_only=True, eq=False)
class Instrument:
    """One instrument. Without *buckets* it is a counter of whole numbers; with them a histogram.

    Attributes:
        name, unit, description: As the semantic conventions have them.
        buckets: The upper bounds of a histogram's buckets, as OpenTelemetry's own instrumentation sets them.
    """

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...] = ()


@frozen(eq=False)
class Stream:
    """An instrument with the attributes that tell its measurements of one operation apart. Compared by identity."""

    instrument: Instrument
    attributes: tuple[tuple[str, str], ...] = ()


def _seconds(name: str, description: str, buckets: tuple[float, ...] = _SECONDS) -> Instrument:
    return Instrument(name=name, unit="s", description=description, buckets=buckets)


def _tokens(name: str, description: str, buckets: tuple[float, ...] = ()) -> Instrument:
    return Instrument(name=name, unit="{token}", description=description, buckets=buckets)


def _calls(name: str, description: str) -> Instrument:
    return Instrument(name=name, unit="{call}", description=description, buckets=_CALLS)


# ---------------------------------------------------------------- deployed (opentelemetry-util-genai 1.3b0)
DURATION = _seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
TOKEN_USAGE = _tokens("gen_ai.client.token.usage", "Number of input and output tokens used.", _TOKENS)
FIRST_CHUNK = _seconds(
    "gen_ai.client.operation.time_to_first_chunk", "Time from the request until the first chunk of a streamed answer."
)
TOOL_DURATION = _seconds("gen_ai.execute_tool.duration", "Duration of a tool execution.")
AGENT_DURATION = _seconds("gen_ai.invoke_agent.duration", "Duration of an agent invocation.", _AGENT_SECONDS)
WORKFLOW_DURATION = _seconds("gen_ai.invoke_workflow.duration", "Duration of a workflow.", _WORKFLOW_SECONDS)

# ---------------------------------------------------------------- successors (semantic-conventions-genai 374, 521)
INFERENCE_DURATION = _seconds("gen_ai.client.inference.duration", "Duration of a model call.")
INFERENCE_FIRST_CHUNK = _seconds(
    "gen_ai.client.inference.time_to_first_chunk", "Time from the request until the first chunk of a streamed answer."
)
EMBEDDINGS_DURATION = _seconds("gen_ai.client.embeddings.duration", "Duration of an embeddings call.")
INPUT_TOKENS = _tokens("gen_ai.client.inference.usage.input_tokens", "Input tokens, cached ones included.")
OUTPUT_TOKENS = _tokens("gen_ai.client.inference.usage.output_tokens", "Output tokens, reasoning included.")
INPUT_TOKENS_OF_ONE = _tokens("gen_ai.client.inference.operation.input_tokens", "Input tokens of one call.", _TOKENS)
OUTPUT_TOKENS_OF_ONE = _tokens("gen_ai.client.inference.operation.output_tokens", "Output tokens of one call.", _TOKENS)
EMBEDDINGS_TOKENS = _tokens(
    "gen_ai.client.embeddings.operation.input_tokens", "Input tokens of one embeddings call.", _TOKENS
)

# ---------------------------------------------------------------- under both sets of names
CACHE_READ_TOKENS = _tokens(
    "gen_ai.client.inference.usage.cache_read.input_tokens", "The part of the input tokens that came from a cache."
)
CACHE_WRITE_TOKENS = _tokens(
    "gen_ai.client.inference.usage.cache_write.input_tokens", "The part of the input tokens written to a cache."
)
REASONING_TOKENS = _tokens(
    "gen_ai.client.inference.usage.reasoning.output_tokens", "The part of the output tokens that was reasoning."
)
INFERENCE_CALLS = _calls("gen_ai.invoke_agent.inference_calls", "Model calls of an agent invocation.")
TOOL_CALLS = _calls("gen_ai.invoke_agent.tool_calls", "Tool calls of an agent invocation.")
COST = Instrument(  # semantic-conventions-genai 443, a proposal
    name="gen_ai.client.operation.cost", unit="{USD}", description="Cost of a model call.", buckets=_DOLLARS
)
PER_OUTPUT_TOKEN = _seconds(  # the conventions have one for servers only
    "spancast.client.time_per_output_token", "Time per output token after the first one.", _TOKEN_SECONDS
)
