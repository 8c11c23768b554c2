"""`llama-index-observability-spancast`: built, installed into a clean environment beside spancast, and used there."""

from __future__ import annotations

import ast
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from ..package.environments import ROOT, Environment, build, environment, uv
from ..receivers.recording import recording_receiver

pytestmark = pytest.mark.slow  # it builds and installs packages
PROJECT = ROOT / "integrations" / "llama-index-observability-spancast"
PACKAGE = "llama_index/observability/spancast"
BLOCKS = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
PREAMBLE = "from llama_index.core import Settings\nSettings.tokenizer = str.split\n"  # else it loads one from disk
QUESTION = """
from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM
Settings.llm, Settings.embed_model = MockLLM(max_tokens=8), MockEmbedding(embed_dim=4)
VectorStoreIndex.from_documents([Document(text="Berlin is in Germany")]).as_query_engine().query("Where is Berlin?")
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the package's wheel and that of spancast, both built from this tree."""
    _, package = build(tmp_path_factory.mktemp("package"), PROJECT)
    _, spancast = build(tmp_path_factory.mktemp("spancast"), ROOT)
    return package, spancast


@pytest.fixture(scope="module")
def installed(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment of the package, what it requires, and pytest."""
    package, spancast = wheels
    return environment(tmp_path_factory.mktemp("clean") / "environment", package, spancast, "pytest")


def run(installed: Environment, code: str, **environ: str) -> str:
    """Run *code* as a program of its own, which may say nothing on standard error, and return what it printed."""
    (installed.folder / "program.py").write_text(PREAMBLE + code)
    done = installed.run("python", "-W", "ignore", installed.folder / "program.py", **environ)
    assert (0, "") == (done.status, done.err), done.err
    return done.out


def test_the_wheel_is_a_part_of_llama_indexs_namespace(wheels: tuple[Path, Path]) -> None:
    """No file that other packages bring too: an `__init__.py` in an upper folder would hide them."""
    with zipfile.ZipFile(wheels[0]) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        licence = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
    assert [f"{PACKAGE}/__init__.py", f"{PACKAGE}/base.py", f"{PACKAGE}/py.typed"] == sorted(names)
    assert 1 == len(licence)


def test_twine_accepts_it(wheels: tuple[Path, Path]) -> None:
    """The package index would take it and show its README."""
    assert 1 == uv("tool", "run", "twine", "--no-color", "check", "--strict", wheels[0]).count("PASSED")


def test_llama_hub_finds_what_its_metadata_names() -> None:
    """The import path is a folder, and every class with an author is exported there."""
    hub = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["llamahub"]
    assert (PACKAGE, False) == (hub["import_path"].replace(".", "/"), hub["contains_example"])
    tree = ast.parse((PROJECT / PACKAGE / "__init__.py").read_text())
    exported = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert set(hub["class_authors"]) <= set(exported)


def test_its_own_tests_pass_where_it_is_installed(installed: Environment) -> None:
    """A query through `LlamaIndexSpancast`, read from `destinations.memory()`."""
    done = installed.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", PROJECT / "tests", PYTHONPATH="")
    assert (0, True) == (done.status, "1 passed" in done.out), done.out + done.err


def test_the_readmes_first_program_leaves_its_traces_in_the_file(installed: Environment) -> None:
    """Nothing is configured: `.spancast/traces.jsonl`, which the core's own reader reads."""
    read = "import json, spancast; spancast.flush()\n"
    read += "for line in open('.spancast/traces.jsonl'):\n    for scope in json.loads(line)['resourceSpans']:\n"
    read += "        print(*[span['name'] for span in scope['scopeSpans'][0]['spans']], sep='\\n')\n"
    names = run(installed, BLOCKS[0] + read).splitlines()
    assert {"index_construction", "RetrieverQueryEngine.query"} <= set(names)


def test_the_readmes_second_program_sends_to_both_destinations(installed: Environment) -> None:
    """Arize AX gets the content, the collector in privacy mode does not; the session is on both."""
    with recording_receiver() as arize, recording_receiver() as collector:
        code = BLOCKS[1].replace("https://collector.example.com", collector.url).replace("rate=0.1", "rate=1.0")
        code = code.replace('model_id="my-project"', f'model_id="my-project", base_url="{arize.url}"')
        run(installed, code + QUESTION, ARIZE_API_KEY="not-a-key", ARIZE_SPACE_ID="U3BhY2U6MTpub3Q=")
        sent = [b"".join(request.body for request in receiver.requests) for receiver in (arize, collector)]
    assert [True, False] == [b"Where is Berlin?" in body for body in sent]
    assert [True, True] == [b"session_abc" in body for body in sent]


def test_llama_indexs_one_liner_knows_the_name_once_it_is_imported(installed: Environment) -> None:
    """`llama_index.core.set_global_handler("spancast")`."""
    code = "import llama_index.core, spancast\nimport llama_index.observability.spancast\n"
    code += "memory = spancast.destinations.memory(); spancast.configure(memory)\n"
    code += "llama_index.core.set_global_handler('spancast')\n" + QUESTION
    code += "print(sorted({span.kind.value for span in memory.spans}))\n"
    assert "['CHAIN', 'EMBEDDING', 'LLM', 'RETRIEVER']\n" == run(installed, code)
