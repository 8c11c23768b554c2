"""Where spans go: presets for known backends, and places on this machine."""

from .check import CheckResult
from .destination import Destination
from .llm_backends import braintrust, langfuse, langsmith, opik, phoenix, weave
from .local import MemoryDestination, console, file, memory
from .presets import PRESETS as PRESETS
from .presets import arize, otlp
from .sdk import sdk
from .trace_backends import (
    axiom,
    dash0,
    datadog,
    elastic,
    grafana_cloud,
    honeycomb,
    jaeger,
    lightstep,
    new_relic,
    signoz,
    tempo,
)
from .validation import SettingsError

__all__ = [
    "CheckResult",
    "Destination",
    "MemoryDestination",
    "SettingsError",
    "arize",
    "axiom",
    "braintrust",
    "console",
    "dash0",
    "datadog",
    "elastic",
    "file",
    "grafana_cloud",
    "honeycomb",
    "jaeger",
    "langfuse",
    "langsmith",
    "lightstep",
    "memory",
    "new_relic",
    "opik",
    "otlp",
    "phoenix",
    "sdk",
    "signoz",
    "tempo",
    "weave",
]
