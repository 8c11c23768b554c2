"""Importing spancast costs nothing and starts nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def run(script: str) -> str:
    """Run *script* in a new interpreter and return what it printed."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.strip()


def test_importing_loads_nothing_but_the_package_itself() -> None:
    """No framework, no OpenTelemetry, no HTTP client: everything is loaded when it is first used."""
    script = """
        import sys
        before = set(sys.modules)
        import spancast
        print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names))
    """
    assert "['spancast', 'spancast._version']" == run(script)


def test_importing_starts_no_thread_opens_no_socket_and_registers_no_hook() -> None:
    """Import has no effect that anyone could notice."""
    script = """
        import atexit, os, signal, socket, sys, threading
        seen = []
        sys.addaudithook(lambda name, arguments: seen.append(name) if name.startswith(("socket.", "subprocess.")) else None)
        forks = []
        os.register_at_fork = lambda **hooks: forks.append(hooks)
        hooks, handler, environment = atexit._ncallbacks(), signal.getsignal(signal.SIGTERM), dict(os.environ)
        import spancast
        print(seen, forks, atexit._ncallbacks() - hooks, threading.active_count())
        print(handler is signal.getsignal(signal.SIGTERM), environment == dict(os.environ))
    """
    assert "[] [] 0 1\nTrue True" == run(script)


def test_recording_loads_no_sdk_in_the_applications_thread() -> None:
    """The SDK is imported by a lane's own thread, if at all: `configure` and the first span do not wait for it."""
    script = """
        import sys
        import spancast
        pipeline = spancast.Pipeline(spancast.destinations.otlp("http://127.0.0.1:9/v1/traces"))
        print("opentelemetry.sdk" in sys.modules, "requests" in sys.modules)
        print(any(name.partition(".")[0] in ("langchain_core", "langgraph", "llama_index") for name in sys.modules))
    """
    assert "False False\nFalse" == run(script)


def test_making_a_pipeline_starts_no_thread_and_opens_no_connection() -> None:
    """Threads and connections come with the first span."""
    script = """
        import sys, threading
        import spancast
        seen = []
        sys.addaudithook(lambda name, arguments: seen.append(name) if name.startswith("socket.connect") else None)
        pipeline = spancast.Pipeline(
            spancast.destinations.otlp("http://127.0.0.1:9/v1/traces"), spancast.destinations.file("never.jsonl")
        )
        print(seen, threading.active_count())
        import os
        print(os.path.exists("never.jsonl"))
    """
    assert "[] 1\nFalse" == run(script)


@pytest.mark.parametrize(
    "module",
    ["spancast.runtime.default", "spancast.destinations", "spancast.delivery.lane", "spancast.config.resolve"],
)
def test_every_module_can_be_imported_first(module: str) -> None:
    """No module relies on another having been imported before: there is no import cycle."""
    assert "" == run(f"import {module}")


def test_adapters_are_loaded_by_name_only() -> None:
    """`from spancast import langchain` works, and only then loads the framework."""
    script = """
        import sys, warnings
        warnings.simplefilter("ignore")
        import spancast
        print("langchain_core" in sys.modules)
        from spancast import langchain
        print("langchain_core" in sys.modules, langchain.SpancastCallbackHandler.__name__)
    """
    assert "False\nTrue SpancastCallbackHandler" == run(script)


@pytest.mark.parametrize(
    ("module", "name"),
    [("langchain", "instrument"), ("llama_index", "instrument"), ("openrouter", "join"), ("redact", "secrets")],
)
def test_a_module_is_loaded_when_it_is_first_asked_for(module: str, name: str) -> None:
    """`import spancast` is enough for `spancast.langchain.instrument()`; `dir()` stays that of the package's own names."""
    script = f"""
        import sys, warnings
        warnings.simplefilter("ignore")
        import spancast
        before = "spancast.{module}" in sys.modules
        print(before, callable(spancast.{module}.{name}), "{module}" in dir(spancast))
    """
    assert "False True False" == run(script)


@pytest.mark.parametrize(("module", "package"), [("langchain", "langchain_core"), ("llama_index", "llama_index")])
def test_a_framework_that_is_missing_is_named(module: str, package: str) -> None:
    """The sentence is that of `from spancast import ...`: what is missing and what to install."""
    script = f"""
        import sys
        sys.modules["{package}"] = sys.modules["{package}.core"] = None
        import spancast
        try:
            spancast.{module}
        except ModuleNotFoundError as error:
            print(error)
    """
    extra = module.replace("_", "-")
    assert run(script).endswith(f'which is not installed: pip install "spancast[{extra}]"')
