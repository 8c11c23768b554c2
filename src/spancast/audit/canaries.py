"""Texts that occur nowhere else, and the bytes that betray them in every encoding."""

from __future__ import annotations

import os
from base64 import b64encode


class Canaries:
    """Gives each place its text: a word that occurs nowhere else, among characters that every encoding has to escape."""

    def __init__(self) -> None:
        self._seed = os.urandom(4).hex()
        self.words: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """Return the text for *place*."""
        word = self.words.setdefault(place, f"canary{len(self.words):03d}x{self._seed}zzz")
        return f'\u00ab"{word}"\u00bb'


def forms_of(word: str) -> tuple[bytes, ...]:
    """Return the bytes that betray a word: plain (JSON escapes no letter or digit of it), base64, hexadecimal, UTF-16."""
    plain = word.encode()
    # base64 reads three bytes at a time: one form for each place at which the word may begin, without the uncertain ends
    coded = tuple(
        b64encode(b"\0" * shift + plain)[(0, 2, 3)[shift] : (len(plain) + shift) // 3 * 4] for shift in range(3)
    )
    return (plain, *coded, plain.hex().encode(), word.encode("utf-16-le"))
