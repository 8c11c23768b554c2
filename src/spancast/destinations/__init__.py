"""Where spans go: presets for backends, and places on this machine."""

from ..diagnostics.result import CheckResult
from ..recording.tail_sampling import TraceSummary
from ..validation import SettingsError
from .backends.arize import arize
from .backends.axiom import axiom
from .backends.braintrust import braintrust
from .backends.dash0 import dash0
from .backends.datadog import datadog
from .backends.elastic import elastic
from .backends.grafana_cloud import grafana_cloud
from .backends.honeycomb import honeycomb
from .backends.jaeger import jaeger
from .backends.laminar import laminar
from .backends.langfuse import langfuse
from .backends.langsmith import langsmith
from .backends.lightstep import lightstep
from .backends.logfire import logfire
from .backends.mlflow import mlflow
from .backends.new_relic import new_relic
from .backends.opik import opik
from .backends.otlp import otlp
from .backends.otlp_metrics import otlp_metrics
from .backends.phoenix import phoenix
from .backends.posthog import posthog
from .backends.sentry import sentry
from .backends.signoz import signoz
from .backends.tempo import tempo
from .backends.traceloop import traceloop
from .backends.weave import weave
from .destination import Destination
from .registry import PRESETS as PRESETS
from .targets.console import console
from .targets.file import file
from .targets.memory import MemoryDestination, memory
from .targets.sdk import sdk
from .targets.sdk_metrics import sdk_metrics

__all__ = [
    "CheckResult",
    "Destination",
    "MemoryDestination",
    "SettingsError",
    "TraceSummary",
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
    "laminar",
    "langfuse",
    "langsmith",
    "lightstep",
    "logfire",
    "memory",
    "mlflow",
    "new_relic",
    "opik",
    "otlp",
    "otlp_metrics",
    "phoenix",
    "posthog",
    "sdk",
    "sdk_metrics",
    "sentry",
    "signoz",
    "tempo",
    "traceloop",
    "weave",
]
