"""A checkpointer in memory that outlives its process: what it holds is kept in a file."""

from __future__ import annotations

import pickle
from pathlib import Path

from langgraph.checkpoint.memory import InMemorySaver


def loaded(kept: Path) -> InMemorySaver:
    """Return a checkpointer with what an earlier process has kept in the file."""
    saver = InMemorySaver()
    storage, writes, blobs = pickle.loads(kept.read_bytes())
    for thread, spaces in storage.items():
        for space, points in spaces.items():
            saver.storage[thread][space].update(points)
    saver.writes.update(writes)
    saver.blobs.update(blobs)
    return saver


def keep(saver: InMemorySaver, kept: Path) -> None:
    """Write what *saver* holds into the file."""
    plain = {thread: {space: dict(points) for space, points in of.items()} for thread, of in saver.storage.items()}
    kept.write_bytes(pickle.dumps((plain, dict(saver.writes), dict(saver.blobs))))
