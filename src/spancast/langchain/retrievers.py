"""Captures what a retriever found; called in the callback."""

from __future__ import annotations

from typing import Any

from ..record.operation import RETRIEVER, Kind
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from . import translate
from .content import capture
from .documents import is_reranked


def capture_found(recorder: Recorder, operation: OpenOperation, documents: Any, _: object = None) -> None:
    """Capture the documents; a retriever that asked another one and scored what it found is a reranker."""
    if not operation.capture:
        return
    is_list = type(documents) is list or type(documents) is tuple
    operation.snapshots["output"] = found = capture(list(documents) if is_list else documents, operation)
    if "found" in operation.snapshots and is_reranked(found):
        operation.kind, operation.translate = Kind.RERANKER, translate.reranker
    parent = operation.parent
    if parent is not None and parent.kind is RETRIEVER:
        parent.snapshots["found"] = found
