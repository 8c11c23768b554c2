"""What `import spancast` and its handler cost over what the framework imports by itself: fresh interpreters, the median.

    python benchmarks/import_time.py

The framework is imported first, with what an application with a prompt, a model and tools needs; then spancast is timed.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from measuring import markdown, median, quartiles, worker

FRESH = 9


def load(framework: str) -> dict[str, float]:
    """Import in this fresh interpreter; return milliseconds of each part."""
    began = time.perf_counter()
    if framework == "langchain":
        import langchain_core.language_models.chat_models
        import langchain_core.output_parsers
        import langchain_core.prompts
        import langchain_core.runnables
        import langchain_core.tools  # noqa: F401
    else:
        import llama_index.core  # noqa: F401
    framework_there, modules = time.perf_counter(), set(sys.modules)
    import spancast

    if framework == "langchain":
        from spancast.langchain import SpancastCallbackHandler
    else:
        from spancast.llama_index import SpancastCallbackHandler
    imported, added = time.perf_counter(), set(sys.modules) - modules
    destination = spancast.destinations.otlp("http://127.0.0.1:9/v1/traces", protocol="http/protobuf")
    SpancastCallbackHandler(pipeline=spancast.Pipeline(destination, spool=False))
    made = time.perf_counter()
    return {
        "framework": (framework_there - began) * 1e3,
        "import": (imported - framework_there) * 1e3,
        "configure": (made - imported) * 1e3,
        "modules": len(added),
        "total_modules": len(modules),
    }


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the milliseconds by framework under `ms`, and the table."""
    worker("import_time.py", ["--worker", "langchain"])  # compiled files, and the disk's cache
    worker("import_time.py", ["--worker", "llama_index"])
    said: dict[str, list[dict[str, float]]] = {"langchain": [], "llama_index": []}
    for _ in range(3 if quick else FRESH):
        for framework, found in said.items():
            found.append(worker("import_time.py", ["--worker", framework]))
    rows = []
    for framework, found in said.items():
        low, high = quartiles([one["import"] for one in found])
        rows.append(
            (
                framework,
                f"{median([one['framework'] for one in found]):.0f}",
                f"{median([one['import'] for one in found]):.0f} ({low:.0f} to {high:.0f})",
                f"{median([one['configure'] for one in found]):.0f}",
                f"{found[0]['modules']:.0f}",
            )
        )
    head = (
        "framework",
        "alone, ms",
        "spancast and its handler, ms",
        "then both made, ms",
        "modules added",
    )
    times = {framework: median([one["import"] for one in found]) for framework, found in said.items()}
    return {"ms": times, "table": markdown(head, rows)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(load(sys.argv[2])))
    else:
        print(measure()["table"])
