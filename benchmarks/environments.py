"""The virtual environments of the measured tracers: what is installed in each, and where they lie.

Every comparison reads this table, so a tracer is the same everywhere. The environments lie in a folder of the user's cache,
never in the repository; the application's own packages have the same versions in all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Environment(NamedTuple):
    """What one environment needs: requirements, modules that tell that all is there, and whose version is shown."""

    requirements: tuple[str, ...]
    modules: tuple[str, ...]
    distribution: str


_SDK = ("opentelemetry-sdk>=1.40", "opentelemetry-exporter-otlp-proto-http>=1.40")
_LANGCHAIN = ("langchain>=1.4", "langgraph>=1.2", *_SDK)
_LLAMA_INDEX = ("llama-index-core>=0.14", *_SDK)


def _for_langchain(distribution: str, module: str, requirement: str = "") -> Environment:
    return Environment((*_LANGCHAIN, requirement or distribution), ("langgraph", module), distribution)


def _for_llama_index(distribution: str, module: str, *further: str) -> Environment:
    return Environment((*_LLAMA_INDEX, distribution, *further), ("llama_index.core", module), distribution)


ENVIRONMENTS: dict[str, Environment] = {
    "spancast": Environment(
        (*_LANGCHAIN, *_LLAMA_INDEX, "genai-prices"), ("langgraph", "llama_index.core", "spancast"), "spancast"
    ),
    "oldest": Environment(  # the oldest frameworks that are supported
        ("langchain==1.4.*", "langchain-core==1.7.*", "langgraph==1.2.*", "llama-index-core==0.14.5", "genai-prices"),
        ("langgraph", "llama_index.core", "spancast"),
        "spancast",
    ),
    "before": Environment(  # another commit: --before says which interpreter has it
        ("spancast",), ("langgraph", "llama_index.core", "spancast"), "spancast"
    ),
    "openinference": _for_langchain(
        "openinference-instrumentation-langchain", "openinference.instrumentation.langchain"
    ),
    "otel-genai": _for_langchain(
        "opentelemetry-instrumentation-genai-langchain", "opentelemetry.instrumentation.genai.langchain"
    ),
    "openllmetry": _for_langchain("opentelemetry-instrumentation-langchain", "opentelemetry.instrumentation.langchain"),
    "langfuse": _for_langchain("langfuse", "langfuse", "langfuse>=3"),
    "langsmith": _for_langchain("langsmith", "langsmith", "langsmith[otel]"),
    "logfire": _for_langchain("logfire", "logfire"),
    "openlit": _for_langchain("openlit", "openlit"),
    "mlflow": _for_langchain("mlflow-tracing", "mlflow"),
    "llama-index-openinference": _for_llama_index(
        "openinference-instrumentation-llama-index", "openinference.instrumentation.llama_index"
    ),
    "llama-index-openllmetry": _for_llama_index(
        "opentelemetry-instrumentation-llamaindex",
        "opentelemetry.instrumentation.llamaindex",
        "llama-index-llms-openai",  # it imports llama_index.llms, which comes with any model's package
    ),
    "llama-index-otel": _for_llama_index("llama-index-observability-otel", "llama_index.observability.otel"),
    "llama-index-openlit": _for_llama_index("openlit", "openlit"),
    "llama-index-mlflow": _for_llama_index("mlflow-tracing", "mlflow"),
}
OURS = ("spancast", "oldest")
"""The environments into which this working tree is installed."""
SAME = ("langchain", "langchain-core", "langgraph", "llama-index-core", "pydantic", "opentelemetry-sdk")
"""What must be the same in all environments, or the ratios compare different applications."""


def default_folder() -> Path:
    """Return the folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spancast" / "benchmarks"


def interpreter(name: str, folder: Path) -> str | None:
    """Return the Python to measure a tracer with: its environment's, else this one when all is here, else None."""
    made = python_of(name, folder)
    if made.exists():
        return str(made)
    return sys.executable if all(map(_importable, ENVIRONMENTS[name].modules)) else None


def python_of(name: str, folder: Path) -> Path:
    """Return where the Python of an environment is, or would be."""
    return folder / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(name: str, folder: Path) -> bool:
    """Make an environment unless it is there; return whether it is there now. Shows what pip collects.

    spancast's comes first, with the newest of everything; the others get the same application packages.
    """
    python = python_of(name, folder)
    if python.exists():
        return True
    if name == "before":
        say("before: made by whoever has the other commit; --before CHECKOUT uses its .venv")
        return False
    if name not in OURS:
        install("spancast", folder)
    say(f"{name}: making {folder / name}")
    venv.create(folder / name, with_pip=True)
    own = ["--editable", f"{ROOT}[langchain,llama-index]"] if name in OURS else []
    held = {} if name in OURS else versions_in(python_of("spancast", folder))
    if "openlit" in name:
        held.pop("opentelemetry-sdk", None)  # with the newest SDK pip finds an old OpenLIT, which cannot be imported
    constraints = folder / f"{name}.txt"
    constraints.write_text("".join(f"{package}=={number}\n" for package, number in held.items()))
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-c", str(constraints)]
    command += [*ENVIRONMENTS[name].requirements, *own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            if line.startswith("Collecting "):
                print(f" {line.split()[1]}", end="", file=sys.stderr, flush=True)
    say("")
    if pip.returncode:
        say(f"{name}: pip failed with status {pip.returncode}; its message stands above")
        python.unlink(missing_ok=True)
    return not pip.returncode


def versions_in(python: Path) -> dict[str, str]:
    """Return the versions of the application's own packages in another environment."""
    if not python.exists():
        return {}
    ask = f"import json, environments; print(json.dumps(environments.versions({SAME!r})))"
    said = subprocess.run(
        [str(python), "-c", ask], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT / "benchmarks"
    )
    found: dict[str, str] = json.loads(said.stdout)
    return found


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those that are installed here."""
    found = {}
    for distribution in distributions:
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def say(text: str) -> None:
    """Tell the user how far it is; tables go to standard output, this does not."""
    print(text, file=sys.stderr, flush=True)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
