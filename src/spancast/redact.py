r"""Ready functions for `redact=`: each takes a text and returns it without what it recognises by its form.

    destinations.arize(..., redact=redact.secrets)
    destinations.otlp(url, redact=redact.chain(redact.secrets, redact.patterns(r"\bEMP-\d{6}\b")))

They are applied to every text of content, metadata and names, and to long numbers, in a thread of spancast's own. Their
time is linear in the text. A form can only be recognised, never proven: names, addresses and free text need
`privacy_mode`, or a detector of your own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from .privacy.secrets import MASK, without_secrets

Redactor = Callable[[str], str]

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)*(?<=\w\w)")
# Digits in a row, with one blank or dash between some of them; or four groups of four with something else between. Not the
# digits of a fraction; but a sentence may end behind a number, and a float behind `.0`.
_CARD = re.compile(  # begins with a digit: `re` skips to those
    r"\d(?<!\d\d)(?<!\d\.\d)(?:(?:[ \u00a0\u202f-]?\d){12,18}|\d{3}([./_]| {2,3})\d{4}\1\d{4}\1\d{4})(?!\d|\.(?!0(?!\d))\d)"
)
_PIECE = 65_536  # characters that are looked at in one call: other threads of the application run in between
_NO_CUT = re.compile(r"(?:[:=]|bearer|basic|key|token|secrets?|passw\w{0,4}|[\"'\\]|\d)\s*$", re.IGNORECASE)


def secrets(text: str) -> str:
    """Return *text* without API keys, tokens, private keys, passwords in addresses and values named like them."""
    if len(text) <= _PIECE or "PRIVATE KEY" in text:
        return without_secrets(text)
    return "".join(map(without_secrets, _pieces(text)))


def emails(text: str) -> str:
    """Return *text* without addresses of electronic mail."""
    return "".join([_EMAIL.sub(MASK, piece) for piece in _pieces(text)]) if "@" in text else text


def cards(text: str) -> str:
    """Return *text* without numbers that pass as payment cards (13 to 19 digits, Luhn's check)."""
    return "".join([_CARD.sub(_without_card, piece) for piece in _pieces(text)])


def _without_card(found: re.Match[str]) -> str:
    return MASK if _is_luhn(found[0]) else found[0]


def _is_luhn(number: str) -> bool:
    digits = [int(digit) for digit in number if digit.isdigit()][::-1]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _pieces(text: str) -> Iterator[str]:
    """Yield a long text in pieces that end between words; nothing that is recognised crosses their border."""
    place = 0
    while len(text) - place > _PIECE:
        end = place + _PIECE
        for _ in range(16):
            border = max(text.rfind("\n", place, end), text.rfind(" ", place, end)) + 1
            if border <= place:
                end = place + _PIECE
                break
            end = border
            if not _NO_CUT.search(text, max(end - 40, place), end):
                break
            end -= 1
        yield text[place:end]
        place = end
    yield text[place:]


def patterns(*forms: str, replacement: str = MASK) -> Redactor:
    """Return a function that replaces whatever one of the regular expressions *forms* finds."""
    compiled = [re.compile(form) for form in forms]

    def redact(text: str) -> str:
        for form in compiled:
            text = form.sub(replacement, text)
        return text

    return redact


def chain(*redactors: Redactor) -> Redactor:
    """Return a function that applies all *redactors*, one after the other."""

    def redact(text: str) -> str:
        for each in redactors:
            text = each(text)
        return text

    return redact


BUILT_IN: Mapping[str, Redactor] = {
    "secrets": secrets,
    "emails": emails,
    "cards": cards,
    "all": chain(secrets, emails, cards),
}
"""What a file or the command line may name: `redact = "secrets"`."""
