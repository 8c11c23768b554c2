"""The differences that are meant, each with its reason. `*` stands for anything."""

from __future__ import annotations

from typing import NamedTuple

from .compare import ONLY_OURS, ONLY_THEIRS, OTHER


class Intended(NamedTuple):
    """A difference that may occur, and must: kinds of spans, side, and attribute (or `span's name`) as patterns."""

    kind: str
    side: str
    what: str
    reason: str


_ERROR = "OpenTelemetry's name for the class of an error; the exception event says the rest, as theirs does."
_NODE = "Where in the graph a span lies, as attributes that Arize and Phoenix draw graphs from."
_FLAT = "Arize filters on `metadata.<key>`; the one JSON text stands beside it."
_PLUMBING = "Without LangChain's own entries (`ls_*`, `lc_*`), which say nothing about the application."
_PLAIN = "The application's own data; theirs is LangChain's serialised objects, with class paths and empty fields."
_TYPE = "Every value says whether it is text or JSON; theirs leaves text unmarked."
_COST = "What the call cost: billed by the provider, or estimated from a price list."
_MODELS = "Request and response model apart: a request names an alias, the response the version."

OPENINFERENCE = (
    Intended(
        "AGENT",
        OTHER,
        "*kind",
        "An agent is known by `create_agent`'s own mark; theirs asks whether its name has `agent` in it.",
    ),
    Intended("*", OTHER, "span's path", "As above: what lies beneath lies under an AGENT."),
    Intended("AGENT", ONLY_OURS, "agent.name", "As above: it has a name."),
    Intended(
        "*",
        ONLY_THEIRS,
        "llm.input_messages.N.message.*",
        "Messages stand flattened on model calls only; agents and nodes have them in `input.value`.",
    ),
    Intended("*", ONLY_OURS, "error.type", _ERROR),
    Intended("*", ONLY_OURS, "graph.node.*", _NODE),
    Intended("*", ONLY_OURS, "metadata.*", _FLAT),
    Intended("*", OTHER, "metadata", _PLUMBING),
    Intended("*", OTHER, "input.value", _PLAIN),
    Intended("*", OTHER, "output.value", _PLAIN),
    Intended("*", ONLY_OURS, "*put.mime_type", _TYPE),
    Intended(
        "*", OTHER, "*put.mime_type", "Plain text where the value is plain text: an answer, a tool's result, a prompt."
    ),
    Intended(
        "PROMPT",
        ONLY_THEIRS,
        "llm.prompt_template.template",
        "It stands on the model call that the prompt was made for; theirs has its first message only.",
    ),
    Intended(
        "PROMPT",
        ONLY_THEIRS,
        "llm.prompt_template.variables",
        "They stand on the model call that the prompt was made for.",
    ),
    Intended("LLM", ONLY_OURS, "llm.prompt_template.template", "As above."),
    Intended("LLM", ONLY_OURS, "llm.prompt_template.variables", "As above."),
    Intended(
        "LLM",
        OTHER,
        "llm.invocation_parameters",
        "Without `_type`, empty entries and what stands elsewhere, such as tools.",
    ),
    Intended("LLM", OTHER, "llm.model_name", "The model that answered, which is the one that is billed."),
    Intended("LLM", ONLY_OURS, "llm.re*.model_name", _MODELS),
    Intended("LLM", ONLY_OURS, "llm.cost.*", _COST),
    Intended(
        "LLM",
        ONLY_OURS,
        "gen_ai.response.time_to_first_chunk",
        "Time to the first token, for which OpenInference has no name.",
    ),
    Intended(
        "LLM",
        ONLY_OURS,
        "llm.prompts.N.prompt.text",
        "A completion's prompts and choices under the names of the current conventions.",
    ),
    Intended("LLM", ONLY_THEIRS, "llm.prompts", "As above: the older name."),
    Intended("LLM", ONLY_OURS, "llm.choices.N.completion.text", "As above."),
    Intended("LLM", ONLY_THEIRS, "output.*", "A model that failed has no output; theirs writes an empty result."),
    Intended("RETRIEVER", ONLY_OURS, "retrieval.documents.N.document.id", "Which document it was."),
    Intended("RETRIEVER", ONLY_OURS, "retrieval.documents.N.document.score", "How well it fits."),
    Intended("TOOL", ONLY_OURS, "tool.id", "Which of the model's calls it answers."),
    Intended("TOOL", ONLY_OURS, "tool.parameters", "The arguments by name."),
)

_JSON = "The same messages: theirs writes `name: null` into each, and system messages among the others."
OTEL = (
    Intended("*", OTHER, "gen_ai.input.messages", _JSON),
    Intended("LLM", OTHER, "gen_ai.output.messages", "The same messages: theirs writes `name: null` into each."),
    Intended("AGENT", OTHER, "gen_ai.output.messages", "All that the agent said; theirs has the last message only."),
    Intended("LLM", ONLY_OURS, "gen_ai.system_instructions", "System messages stand apart, as the conventions ask."),
    Intended(
        "*",
        OTHER,
        "span's events",
        "An error has its stack trace, in an exception event; theirs has its class and text only.",
    ),
    Intended("*", OTHER, "span's status", "OK says that the operation ended well; theirs leaves it unset."),
    Intended("*", ONLY_OURS, "trace.metadata.*", "The application's metadata, which theirs leaves out."),
    Intended("LLM", ONLY_OURS, "gen_ai.agent.name", "Which agent made the call."),
    Intended("LLM", ONLY_OURS, "gen_ai.output.type", "That the answer was asked for as JSON."),
    Intended("LLM", ONLY_OURS, "gen_ai.usage.*_cost", _COST),
    Intended("LLM", ONLY_OURS, "gen_ai.usage.total_tokens", "The sum, as OpenRouter's Broadcast sends it."),
    Intended("LLM", ONLY_OURS, "span", "Completion models: theirs makes no span for them."),
    Intended("LLM", OTHER, "gen_ai.response.time_to_first_chunk", "Measured in two runs."),
    Intended("LLM", OTHER, "gen_ai.prompt.variable.*", _PLAIN),
    Intended("RETRIEVER", OTHER, "span's name", "`retrieval` and the data source, as the conventions ask."),
    Intended("RETRIEVER", ONLY_OURS, "gen_ai.data_source.id", "Which source was searched."),
    Intended(
        "RETRIEVER",
        OTHER,
        "gen_ai.retrieval.documents",
        "With each document's content and metadata; theirs has id and score.",
    ),
)


def rendered() -> str:
    """Return both lists as the Markdown of DIFFERENCES.md."""
    lines = [
        "# Intended differences",
        "",
        "Written by `UPDATE_GOLDENS=1 pytest tests/differential` from `intended.py`.",
    ]
    for title, intended in (
        ("openinference-instrumentation-langchain", OPENINFERENCE),
        ("opentelemetry-instrumentation-genai-langchain", OTEL),
    ):
        lines += ["", f"## {title}", "", "| span | side | attribute | why |", "|---|---|---|---|"]
        lines += [f"| {one.kind} | {one.side} | `{one.what}` | {one.reason} |" for one in intended]
    return "\n".join(lines) + "\n"
