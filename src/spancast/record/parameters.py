"""Which parameters of a model call hold no content: numbers and names, never stop words, schemas, tools or text."""

from __future__ import annotations

from typing import Final

CONTENT_FREE: Final = frozenset(
    {
        "dimensions",
        "embed_batch_size",
        "frequency_penalty",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "model",
        "model_name",
        "n",
        "num_predict",
        "presence_penalty",
        "seed",
        "stream",
        "temperature",
        "top_k",
        "top_p",
    }
)
