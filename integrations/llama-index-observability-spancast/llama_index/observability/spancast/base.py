"""`LlamaIndexSpancast`: the object with `start_registering()` that LlamaIndex's observability packages have."""

from __future__ import annotations

from typing import Any

import spancast
from spancast.destinations import Destination
from spancast.llama_index import instrument, uninstrument


class LlamaIndexSpancast:
    """Traces every call of LlamaIndex in this process, from `start_registering()` on.

    Args:
        *destinations: Where the spans go, as `spancast.configure` takes them. Without any, they go where the process's
            pipeline sends them: what `spancast.configure` was told, else the environment (`ARIZE_*`,
            `OTEL_EXPORTER_OTLP_*`), else the file `.spancast/traces.jsonl`.
        service_name: The resource's `service.name`.
        detail: `normal` folds LlamaIndex's duplicate layers; `full` shows every call.
        vectors: Keep embedding vectors.
        fields: Trace fields that hold when nothing nearer says otherwise (`user`, `session_id`, `trace_name`, ...);
            further keywords are custom metadata.

    Raises:
        spancast.SettingsError: When a setting cannot be used; from `start_registering()`.
    """

    def __init__(
        self,
        *destinations: Destination,
        service_name: str | None = None,
        detail: str = "normal",
        vectors: bool = False,
        **fields: Any,
    ) -> None:
        self._destinations = destinations
        self._service_name = service_name
        self._defaults: dict[str, Any] = {"detail": detail, "vectors": vectors, **fields}

    def start_registering(self) -> None:
        """Begin: what was built before is covered too. Doing it again records nothing twice."""
        if self._destinations or self._service_name is not None:
            spancast.configure(*self._destinations, service_name=self._service_name)
            self._destinations, self._service_name = (), None
        instrument(**self._defaults)

    def stop_registering(self) -> None:
        """End: calls that begin from now on are not traced; what was recorded is sent."""
        uninstrument()
        spancast.flush()
