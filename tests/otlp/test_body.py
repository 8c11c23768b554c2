"""The body of a request: blocks that are neither many nor copied, and together what was given."""

from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from spancast.otlp.body import BLOCK, compressed, in_blocks, size_of_body

_PIECES = st.lists(
    st.sampled_from([b"", b"a", b"b" * 100, b"c" * (BLOCK - 1), b"d" * BLOCK, b"e" * (3 * BLOCK)]), max_size=9
)


@given(_PIECES)
def test_blocks_are_the_pieces_in_order(pieces: list[bytes]) -> None:
    """Nothing is lost, small pieces share a block, and large ones are not copied."""
    blocks = list(in_blocks(pieces))
    assert b"".join(pieces) == b"".join(blocks)
    assert all(one + other >= BLOCK for one, other in zip(map(len, blocks), map(len, blocks[1:])))
    assert all(any(piece is block for block in blocks) for piece in pieces if len(piece) >= BLOCK)
    assert size_of_body(pieces) == len(b"".join(pieces)) == size_of_body(b"".join(pieces))


@given(_PIECES)
def test_pieces_are_compressed_as_one_text(pieces: list[bytes]) -> None:
    """A receiver reads what was given, in whatever form the body is."""
    assert b"".join(pieces) == gzip.decompress(compressed(pieces)) == gzip.decompress(compressed(b"".join(pieces)))
