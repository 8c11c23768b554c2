"""The examples run as a reader would run them: offline, in a folder of their own, with nothing on standard error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from .receivers.score_apis import score_apis

EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_LINES = 60
LLAMA_INDEX = pytest.mark.skipif(find_spec("llama_index") is None, reason="llama-index-core is not installed")


def run(name: str, folder: Path, *arguments: str, **variables: str) -> str:
    """Run an example in *folder* and return what it printed."""
    settings = ("OTEL_", "ARIZE_", "OPENROUTER_", "SPANCAST_", "PHOENIX_", "LANGFUSE_", "LANGSMITH_")
    own = {key: value for key, value in os.environ.items() if not key.startswith(settings)}
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    environment = {**own, "NO_PROXY": "127.0.0.1", **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def tree(printed: str) -> list[str]:
    """Return kinds and names of the trees that were printed, one step to the right a level; no figures, no models."""
    lines: list[str] = []
    column = 0
    for line in printed.splitlines():
        if (words := line.split()) and (words[0], words[-1]) == ("time", "span"):
            column = line.index("span")
        elif column and (found := SPAN.match(line[column:])):
            lead, mark, what = found.groups()
            lines.append("  " * (len(lead) // 3) + (mark or "") + what)
        elif not line.strip():
            column = 0
    return lines


SPAN = re.compile(
    r"((?:│  |   |├─ |└─ )*)(✗ )?((?:CHAIN|AGENT|LLM|TOOL|RETRIEVER|EMBEDDING|PROMPT|GUARDRAIL) \S+(?: \S+)*)"
)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(path: Path) -> None:
    """Each is under 60 lines, begins with what it shows, and names no key."""
    text = path.read_text()
    assert len(text.splitlines()) < MAX_LINES
    assert text.startswith('"""')


@LLAMA_INDEX
def test_the_rag_prints_its_answer_and_its_trees(tmp_path: Path) -> None:
    """Building the index is one trace, the streamed question another, with session and user."""
    printed = run("llama_index_rag.py", tmp_path)
    assert printed.startswith("text text")
    assert "user user_12345 · session session_abc" in printed
    assert [
        "CHAIN index_construction",
        "  CHAIN SentenceSplitter.__call__",
        "  EMBEDDING MockEmbedding.get_text_embedding_batch",
        "CHAIN Ask the shop",
        "  RETRIEVER VectorIndexRetriever.retrieve",
        "    EMBEDDING MockEmbedding.get_query_embedding",
        "  CHAIN CompactAndRefine.synthesize",
        "    LLM MockLLM.stream_complete",
    ] == tree(printed)


@LLAMA_INDEX
def test_the_agent_prints_its_answer_and_its_tree(tmp_path: Path) -> None:
    """Two tools between two model calls; the one that fails is marked."""
    printed = run("llama_index_agent.py", tmp_path)
    assert printed.startswith("It is on its way")
    assert "PermissionError: orders on their way cannot be sent back" in printed
    assert [
        "AGENT support",
        "  LLM MockFunctionCallingLLM.astream_chat",
        "  TOOL look_up",
        "  ✗ TOOL send_back",
        "  LLM MockFunctionCallingLLM.astream_chat",
    ] == tree(printed)


RUNNABLE = ["CHAIN RunnableSequence", "  CHAIN ChatPromptTemplate", "  LLM chat gpt-4o"]


def within(*lines: str) -> list[str]:
    """Return *lines* one level deeper."""
    return [f"  {line}" for line in lines]


def test_the_chain_takes_its_names_from_the_metadata(tmp_path: Path) -> None:
    """Trace and generation are named as the request says; user and session are there."""
    printed = run("langchain_chain.py", tmp_path)
    assert "user user_12345 · session session_abc" in printed
    assert [
        "CHAIN Text Classification",
        "  CHAIN ChatPromptTemplate",
        "  LLM Classify Sentiment",
        "  CHAIN StrOutputParser",
    ] == tree(printed)


def test_the_agent_goes_on_in_its_trace_when_a_person_has_answered(tmp_path: Path) -> None:
    """One trace with both runs in it; the wait is no error; the session is LangGraph's thread."""
    printed = run("langgraph_agent.py", tmp_path)
    assert printed.startswith("Refund order 17?\nYour money is on its way.")
    assert "session ticket-4711" in printed
    first = [
        *within("CHAIN model", "  LLM chat gpt-4o", "CHAIN tools", "  TOOL execute_tool look_up"),
        *within("CHAIN model", "  LLM chat gpt-4o", "CHAIN tools", "  TOOL execute_tool refund"),
    ]
    second = within("CHAIN tools", "  TOOL execute_tool refund", "CHAIN model", "  LLM chat gpt-4o")
    assert [
        "CHAIN Refund",
        *within("AGENT Refund", *first, "AGENT Refund", *second),
    ] == tree(printed)
    assert 3 == printed.count("  interrupted")


def test_the_deep_agents_subagent_lies_under_its_task(tmp_path: Path) -> None:
    """A plan, a subagent, a file that a human allows: one trace, and nothing of it is an error."""
    asks = ["CHAIN HumanInTheLoopMiddleware.after_model"]  # gen_ai has no kind for what guards
    model = ["CHAIN model", "  LLM chat gpt-4o", *asks]

    def tool(name: str) -> list[str]:
        return ["CHAIN tools", "  CHAIN HumanInTheLoopMiddleware.wrap_tool_call", f"    TOOL execute_tool {name}"]

    subagent = ["AGENT invoke_agent researcher", *within(*model, *tool("count_orders"), *model)]
    asked = [*model, *tool("write_todos"), *model, *tool("task"), *within(*within(*within(*subagent))), *model]
    answered = [*asks, *tool("write_file"), *model]
    printed = run("deep_agent.py", tmp_path)
    assert [
        "CHAIN reporter",
        *within("AGENT invoke_agent reporter", *within(*asked), "AGENT invoke_agent reporter", *within(*answered)),
    ] == tree(printed)
    assert 2 == printed.count("  interrupted")


def test_the_supervisors_agents_lie_under_its_tools(tmp_path: Path) -> None:
    """Three agents, one tree."""
    model = ["CHAIN model", "  LLM chat gpt-4o"]
    billing = ["AGENT invoke_agent billing", *within(*model, "CHAIN tools", "  TOOL execute_tool balance", *model)]
    shipping = ["AGENT invoke_agent shipping", *within(*model)]
    assert [
        "CHAIN Complaint",
        "  AGENT invoke_agent supervisor",
        *within(*within(*model, "CHAIN tools", "  TOOL execute_tool ask_billing", *within(*within(*billing)))),
        *within(
            *within(*model, "CHAIN tools", "  TOOL execute_tool ask_shipping", *within(*within(*shipping)), *model)
        ),
    ] == tree(run("supervisor.py", tmp_path))


def test_the_second_destination_holds_no_content(tmp_path: Path) -> None:
    """It has the spans and who asked, not what was asked."""
    printed = run("two_destinations.py", tmp_path)
    assert "arize holds the question: True, the user: True" in printed
    assert "collector holds the question: False, the user: True" in printed
    assert RUNNABLE == tree(printed)


def test_the_gateways_generation_lies_under_the_applications(tmp_path: Path) -> None:
    """Two senders, one tree."""
    printed = run("openrouter_broadcast.py", tmp_path)
    assert "17 tokens" in printed
    assert "sent along: parent_span_id, session_id, trace_id, trace_name, user" in printed
    assert [
        "CHAIN Ask the shop",
        "  CHAIN ChatPromptTemplate",
        "  LLM chat openai/gpt-4o",
        "    LLM LLM Generation",
        "      CHAIN provider attempt 1: OpenAI",
    ] == tree(printed)


def test_each_request_is_a_trace(tmp_path: Path) -> None:
    """The first continues its caller's trace, the second has its session from a header."""
    printed = run("fastapi_app.py", tmp_path)
    request = ["CHAIN POST /chat", "  AGENT invoke_agent support", "    CHAIN model", "      LLM chat gpt-4o"]
    assert f"trace {'4b' * 16}\n" in printed
    assert f"'trace_id': '{'4b' * 16}'" in printed
    assert 1 == printed.count("session session_abc")
    assert [*request, *request] == tree(printed)


def test_a_thumb_reaches_its_trace(tmp_path: Path) -> None:
    """The score of the endpoint lies in the trace of the answer, and the tree shows it."""
    printed = run("feedback.py", tmp_path)
    assert "{'thanks': True}" in printed
    assert 1 == printed.count("trace ")
    kinds = [kind for line in printed.splitlines() for kind in ("CHAIN Ask", "LLM chat", "EVALUATOR") if kind in line]
    assert ["CHAIN Ask", "LLM chat", "EVALUATOR"] == kinds
    assert "EVALUATOR helpful  1 thumbs-up" in printed


def test_a_thumb_reaches_the_backends_own_apis(tmp_path: Path) -> None:
    """The endpoint's score, and that of another process with the ids of a log line, at three backends at once."""
    with score_apis() as apis:
        keys = {"PHOENIX_COLLECTOR_ENDPOINT": apis.url, "LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"}
        more = {"LANGFUSE_BASE_URL": apis.url, "LANGSMITH_API_KEY": "lsv2_1", "LANGSMITH_ENDPOINT": apis.url}
        printed = run("feedback.py", tmp_path, **keys, **more)
        found = re.search(r"answered trace_id=(\w+) span_id=(\w+)", printed)
        assert found is not None
        later = run("feedback.py", tmp_path, *found.groups(), **keys, **more)
    assert ("delivered: True" in printed, "delivered: True" in later, []) == (True, True, apis.refused)
    trace_id, span_id = found.groups()
    annotations = [each for body in apis.bodies("/v1/span_annotations") for each in body["data"]]
    assert [("helpful", span_id), ("resolved", span_id)] == [(each["name"], each["span_id"]) for each in annotations]
    scores = [each for body in apis.bodies("/api/public/scores") for each in body]
    assert [("helpful", trace_id), ("resolved", trace_id)] == [(each["name"], each["traceId"]) for each in scores]
    assert ["helpful", "resolved"] == [body["key"] for body in apis.bodies("/feedback")]


def test_the_job_reports_and_ends_well(tmp_path: Path) -> None:
    """Every row's run lies under the job; ten spans are delivered."""
    printed = run("batch_job.py", tmp_path)
    row = ["CHAIN Classify", "  CHAIN ChatPromptTemplate", "  LLM chat gpt-4o"]
    assert re.match(r"trace [0-9a-f]{32}: file: 10 delivered", printed)
    assert ["CHAIN Nightly report", *within(*row, *row, *row)] == tree(printed)


def test_everything_is_delivered_before_the_function_returns(tmp_path: Path) -> None:
    """Each call's spans are out when its answer is."""
    printed = run("serverless_handler.py", tmp_path)
    assert ["4 delivered", "8 delivered"] == re.findall(r"-> otlp: (.*)", printed)
    call = ["CHAIN Ask the shop", *within(*RUNNABLE)]
    assert [*call, *call] == tree(printed)


def test_each_tenants_spans_go_to_its_project(tmp_path: Path) -> None:
    """One request a project, and no project's name in the other's request."""
    printed = run("tenants.py", tmp_path)
    assert ["shop-acme", "shop-globex"] == re.findall(r"one request for (.*)", printed)
    assert 2 == printed.count("arize: 3 delivered")
    assert [*RUNNABLE, *RUNNABLE] == tree(printed)


def test_the_new_lines_for_openinference_run(tmp_path: Path) -> None:
    """Session and user arrive; a block is a span."""
    printed = run("migrate_from_openinference.py", tmp_path)
    assert printed.startswith("True arize: 4 delivered")
    assert "user u1 · session s1" in printed
    prompt = "  PROMPT ChatPromptTemplate"  # a kind that OpenInference has and gen_ai has not
    assert ["CHAIN RunnableSequence", prompt, "  LLM Scripted", "CHAIN Nightly report"] == tree(printed)


def test_the_new_lines_for_langfuse_run(tmp_path: Path) -> None:
    """A seed makes the id that Langfuse makes of it; Langfuse's own spellings of user and session are read."""
    printed = run("migrate_from_langfuse.py", tmp_path)
    assert sha256(b"q1").hexdigest()[:32] == printed.splitlines()[0]
    assert ["CHAIN Ask the shop", *within(*RUNNABLE)] == tree(printed)
    held = (tmp_path / ".spancast" / "traces.jsonl").read_text()
    assert {"u1"} == set(re.findall(r'"user.id","value":\{"stringValue":"(.*?)"', held))
    assert {"s1"} == set(re.findall(r'"session.id","value":\{"stringValue":"(.*?)"', held))


def test_the_readme_names_every_example() -> None:
    """A line each, and no line for what is not there."""
    named = re.findall(r"^\| \[(\w+\.py)\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(named)
