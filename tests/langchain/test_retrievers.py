"""Retrievals: what was searched, by which model, and that nothing was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler


class ScoredDocument(Document):
    """An application's own class of documents."""

    score: float | None = None


class Shelf(BaseRetriever):
    """Finds what it was made with."""

    found: list[Document] = []

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.found

    def _get_ls_params(self, **kwargs: Any) -> Any:
        own = {"ls_vector_store_provider": "Chroma", "ls_embedding_model": "small-3"}
        return {**super()._get_ls_params(**kwargs), **own}


def searched(found: list[Document], *, privacy_mode: bool = False) -> Any:
    """Return the attributes of a retrieval that finds *found*."""
    memory = destinations.memory(convention="gen_ai", privacy_mode=privacy_mode)
    with spancast.Pipeline(memory) as pipeline:
        Shelf(found=found).invoke("q", {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]})
    (span,) = memory.spans
    return span.attributes


@pytest.mark.parametrize("privacy_mode", [False, True])
def test_a_retrieval_names_its_store_and_its_model(privacy_mode: bool) -> None:
    """Under the conventions' names, with and without content."""
    attributes = searched([], privacy_mode=privacy_mode)
    assert ("Chroma", "small-3") == (attributes["gen_ai.provider.name"], attributes["gen_ai.request.model"])


def test_that_nothing_was_found_can_be_seen() -> None:
    """An empty list is an answer; a retrieval that failed has none."""
    assert "[]" == searched([])["gen_ai.retrieval.documents"]


@pytest.mark.parametrize("score", [0.85, 0.0])
def test_a_score_may_be_a_documents_own_field(score: float) -> None:
    """It wins over what the metadata says."""
    found: list[Document] = [ScoredDocument(page_content="a", id="1", score=score, metadata={"score": 0.5})]
    (document,) = json.loads(searched(found)["gen_ai.retrieval.documents"])
    assert score == document["score"]
