"""The pytest plugin, as a user's test suite has it: in a pytest of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import spancast

pytest_plugins = ["pytester"]
FAKES = ("tests.fakes.langchain", "tests.fakes.llama_index", "langchain.agents", "llama_index.core.agent.workflow")

APPLICATION = '''
import threading
import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import spancast


@tool
def search(query: str) -> str:
    """Search."""
    return "found"


@tool
def refund(order: int) -> str:
    """Refund."""
    if order == 13:
        raise ValueError("no such order")
    return "done"


def agent(order: int) -> str:
    model = GenericFakeChatModel(messages=iter([AIMessage("I refund it.")]))
    def work(order: int) -> str:
        search.invoke({"query": "order"})
        model.invoke("refund?")
        return refund.invoke({"order": order})
    return RunnableLambda(work, name="support").invoke(order)
'''


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Load what a run and its report load. pytester forgets modules that were loaded in its runs: other tests would get
    second copies of our classes.
    """
    for module in ("spancast.testing.replaying", "spancast.langchain.replay", "spancast.llama_index.replay", *FAKES):
        import_module(module)
    from spancast.testing import record
    from spancast.view.export import page_of

    names: dict[str, Any] = {}
    exec(APPLICATION, names)
    with record() as traces:
        names["agent"](17)
        with pytest.raises(ValueError, match="no such order"):
            names["agent"](13)
        asyncio.run(names["refund"].ainvoke({"order": 1}))
        with spancast.trace(trace_name="mine"):
            pass
    assert str(traces.last)
    assert page_of([list(traces.last.spans)])


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with an application and an empty configuration."""
    pytester.makepyfile(application=APPLICATION)
    pytester.makeini("[pytest]\n")
    return pytester


def run(suite: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    """Run a test file with the plugin, in this process."""
    suite.makepyfile(
        test_agent="from application import agent, refund, search\nimport spancast, pytest, threading\n" + code
    )
    return suite.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_checks_that_hold(suite: pytest.Pytester) -> None:
    """What the documentation shows, on a run that has no handler of its own."""
    result = run(
        suite,
        """
def test_refund(traces):
    agent(17)
    trace = traces.last
    trace.tool("refund").called_once_with(order=17)
    assert trace.order("search", "refund")
    assert trace.llm_calls == 1
    assert trace.tool_calls == 2
    assert trace.cost < 0.01
    assert trace.tokens == 0
    assert trace.no_errors()
    assert trace.contains("I refund it")
    assert trace.contains_nowhere("secret")
    assert trace.tool("delete").not_called()
    assert trace.tool("refund").results == ["done"]
    assert len(traces) == 1

def test_the_next_test_begins_anew(traces):
    assert len(traces) == 0
    with spancast.trace(trace_name="mine"):
        pass
    assert traces.last.name == "mine"

def test_threads(traces):
    thread = threading.Thread(target=agent, args=(1,))
    thread.start(); thread.join()
    traces.last.tool("refund").called_once_with(order=1)
""",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            'traces.last.tool("refund").called_once_with(order=18)',
            '*refund was not called with {"order":18}, but with*17*',
        ),
        ('traces.last.order("refund", "search")', "*refund -> search did not happen in this order*"),
        ('traces.last.tool("delete").called()', "*delete was called 0 times, expected at least once*"),
        ('traces.last.contains_nowhere("i refund")', "*'i refund' stands in*"),
        ("traces.clear(); traces.last", "*no trace was recorded*"),
    ],
)
def test_checks_that_do_not_hold_say_so_with_the_tree(suite: pytest.Pytester, check: str, message: str) -> None:
    """The message says what was expected and what was; the tree follows."""
    result = run(suite, f"def test_it(traces):\n    agent(17)\n    {check}\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])
    if "clear" not in check:
        result.stdout.fnmatch_lines(["*TOOL refund*"])


def test_an_ordinary_failure_shows_the_tree_and_keeps_the_page(suite: pytest.Pytester, tmp_path: Path) -> None:
    """`assert` on a figure, and an error of the application: the report has the tree, the folder the page."""
    code = """
def test_figures(traces):
    agent(17)
    assert traces.last.llm_calls > 4

def test_error(traces):
    with pytest.raises(ValueError):
        agent(13)
    traces.last.no_errors()
"""
    result = run(suite, code, f"--spancast-html={tmp_path / 'pages'}")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*spancast trace*", "*CHAIN support*", "*something failed: *refund*no such order*"])
    assert 2 == len(list((tmp_path / "pages").glob("*.html")))


def test_stored_outlines(suite: pytest.Pytester) -> None:
    """Missing: fails; written by the flag; equal: passes; changed: says what."""
    code = 'def test_tree(traces):\n    agent(17)\n    assert traces.golden("refund")\n'
    run(suite, code).assert_outcomes(failed=1)
    run(suite, code, "--spancast-update").assert_outcomes(passed=1)
    run(suite, code).assert_outcomes(passed=1)
    stored = next(suite.path.rglob("refund.txt"))
    assert ["CHAIN support", "  TOOL search"] == stored.read_text().splitlines()[:2]
    changed = run(
        suite, 'def test_tree(traces):\n    search.invoke({"query": "x"})\n    assert traces.golden("refund")\n'
    )
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(["*-CHAIN support*"])


def test_async_tests(suite: pytest.Pytester) -> None:
    """Runs of an event loop are recorded as others are."""
    code = """
import asyncio
def test_it(traces):
    async def main():
        await asyncio.gather(*(refund.ainvoke({"order": n}) for n in range(3)))
    asyncio.run(main())
    assert len(traces) == 3
"""
    run(suite, code).assert_outcomes(passed=1)


def test_recordings(suite: pytest.Pytester) -> None:
    """Missing: fails; written by the option; then replayed, and what is not in it is shown."""
    code = """
def test_it(traces, recording):
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    answers = iter([AIMessage("recorded")] if recording.recording else [])
    model = recording.langchain_model(GenericFakeChatModel(messages=answers))
    assert "recorded" == model.invoke("Where is it?").text
    assert traces.last.llm_calls == 1
"""
    run(suite, code).assert_outcomes(errors=1)
    run(suite, code, "--spancast-record").assert_outcomes(passed=1)
    run(suite, code).assert_outcomes(passed=1)
    assert ["test_it.jsonl"] == [path.name for path in suite.path.rglob("*.jsonl")]
    other = run(suite, code.replace("Where is it?", "Where is he?"))
    other.assert_outcomes(failed=1, errors=1)
    other.stdout.fnmatch_lines(["*message 1 was 'user: Where is it?'*"])


def test_async_tests_of_a_plugin(suite: pytest.Pytester) -> None:
    """The fixture is there in coroutines as well: pytest runs them by anyio's plugin, or pytest-asyncio's."""
    code = """
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_it(traces, recording):
    await refund.ainvoke({"order": 17})
    traces.last.tool("refund").called_once_with(order=17)
"""
    run(suite, code, "--spancast-record").assert_outcomes(passed=1)


def test_agents_of_both_frameworks(suite: pytest.Pytester) -> None:
    """LangGraph's and LlamaIndex's, recorded without a handler."""
    code = """
import asyncio
from langchain.agents import create_agent
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool
from tests.fakes.langchain import ScriptedChat, call
from tests.fakes.llama_index import ScriptedLLM, calls

def test_langgraph(traces):
    model = ScriptedChat(script=[call("refund", {"order": 17}), "Done."])
    create_agent(model, [refund]).invoke({"messages": [("user", "?")]})
    traces.last.tool("refund").called_once_with(order=17)
    assert traces.last.llm_calls == 2

def test_llama_index(traces):
    def pay(order: int) -> str:
        return "done"
    async def main():
        model = ScriptedLLM(calls(("pay", {"order": 17})), "Done.")
        return await FunctionAgent(tools=[FunctionTool.from_defaults(pay)], llm=model).run("?")
    asyncio.run(main())
    traces.last.tool("pay").called_once_with(order=17)
    assert traces.last.llm_calls == 2
"""
    run(suite, code, "-W", "ignore::DeprecationWarning").assert_outcomes(passed=2)


def test_outside_of_pytest() -> None:
    """`record` and `replay` need no pytest: they work in unittest, and in a program."""
    code = "import spancast.testing as t; t.record, t.replay; import sys; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


@pytest.mark.slow
def test_parallel_processes(suite: pytest.Pytester) -> None:
    """With pytest-xdist each process has its own traces."""
    code = "\n".join(f"def test_{n}(traces):\n    agent({n})\n    assert len(traces) == 1" for n in range(4))
    run(suite, code, "-n", "2").assert_outcomes(passed=4)
    keep = "recording.keep({'messages': []}, [{'content': ''}])"
    code = "\n".join(f"def test_{n}(recording):\n    {keep}\n    assert recording.recording" for n in range(4))
    run(suite, code, "-n", "2", "--spancast-record").assert_outcomes(passed=4)
    assert 4 == len(list(suite.path.rglob("test_*.jsonl")))


def test_a_test_run_without_the_fixture_loads_nothing() -> None:
    """The plugin is there in every run of pytest where spancast is installed: it must cost nothing."""
    code = (
        "import sys, spancast.testing.plugin; "
        "print(sorted(name for name in sys.modules if name.startswith(('spancast.', 'langchain', 'llama_index', 'orjson'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = ["names", "plugin", "recording_mode"]
    expected = ["spancast._version", "spancast.testing", *(f"spancast.testing.{name}" for name in own)]
    assert f"{expected}\n" == done.stdout
