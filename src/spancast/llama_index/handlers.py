"""The two handlers that LlamaIndex's dispatcher has: they hand on to `spans` and `events`.

Both are pydantic models, as the dispatcher asks for. Of those each look at an attribute runs pydantic's `__getattr__` hook,
300 instructions each: what does the work are plain objects, and what the dispatcher calls stands on the instance.
"""

from __future__ import annotations

from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler

from .calls import Call
from .events import Events
from .spans import Spans


class SpanHandler(BaseSpanHandler[Any]):
    """Hears where calls begin and end."""

    def __init__(self, spans: Spans) -> None:
        super().__init__()
        # instead of the base class's, which get a lock from a private attribute at each beginning and each end
        self.__dict__.update(
            open_spans=spans.open_calls,  # which the dispatcher's `shutdown` drops
            span_enter=spans.enter,
            span_exit=spans.exit,
            span_drop=spans.drop,
            capture_propagation_context=spans.capture_propagation_context,
            restore_propagation_context=spans.restore_propagation_context,
        )

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex knows the class."""
        return "SpancastSpanHandler"

    def new_span(self, *args: Any, **kwargs: Any) -> Call | None:
        """Do nothing: `span_enter` does it."""
        return None

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> Call | None:
        """Do nothing: `span_exit` does it."""
        return None

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> Call | None:
        """Do nothing: `span_drop` does it."""
        return None


class EventHandler(BaseEventHandler):
    """Hears what is reported of a call besides."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self.__dict__["handle"] = events.handle

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex knows the class."""
        return "SpancastEventHandler"

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Do nothing: what stands on the instance is called."""
