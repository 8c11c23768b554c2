"""Keys are masked in what a receiver answers, in whatever form it repeats them."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.otlp.masking import hidden, masked, words

KEY = 'k3y/+"<&>-0123456789 abcdef'
SECRETS = hidden({"Authorization": f"Bearer {KEY}"}, "https://c/v1/traces?api_key=Q%2Fuery-Key-1")


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        KEY.upper(),
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        json.dumps(KEY)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        KEY.encode().hex(),
        escape(KEY),
        "Q/uery-Key-1",
        "Q%2Fuery-Key-1",
        "q%2fuery-key-1",
    ],
)
def test_a_key_is_masked_in_every_form(form: str) -> None:
    """As it is, URL-encoded, escaped; whatever its case."""
    assert "key *** refused" == masked(f"key {form} refused", SECRETS)


@given(before=st.binary(max_size=5), after=st.binary(max_size=5), safe=st.booleans())
def test_a_key_is_masked_inside_base64(before: bytes, after: bytes, safe: bool) -> None:
    """Wherever in a longer text it begins, nothing of its middle is left."""
    encode = urlsafe_b64encode if safe else b64encode
    shown = masked(encode(before + b"secret-0123456789" + after).decode(), hidden({"x-key": "secret-0123456789"}))
    assert "***" in shown
    assert len(shown) < 3 + len(encode(before + after)) + 8


@given(cut=st.integers(150, 260))
def test_a_key_across_the_cut_is_not_shown_in_part(cut: int) -> None:
    """Masked first, cut then."""
    secret = "s3cr3t-0123456789abcdefghijklmnopqrstuvwxyz"
    shown = words("x" * cut + secret, hidden({"a": secret}), 200)
    assert not any(secret[:length] in shown for length in range(3, len(secret)))


def test_a_key_at_the_end_of_the_window_is_not_shown_in_part() -> None:
    """Only so much of an answer is looked at: what its end may have cut goes as well."""
    secret = "s3cr3t-0123456789abcdefghijklmnopqrstuvwxyz"
    shown = words((" " * 65_520 + secret).encode(), hidden({"a": secret}), 200)
    assert "" == shown


def test_what_basic_encodes_is_hidden() -> None:
    """User and password, also one by one."""
    secrets = hidden({"Authorization": "Basic " + b64encode(b"alice-1:pass-word-1").decode()})
    assert "*** and ***" == masked("alice-1 and pass-word-1", secrets)


def test_short_words_are_no_keys() -> None:
    """`4` and `otel` stay."""
    assert "otel 4" == masked("otel 4", hidden({"arize-interface": "otel", "x-version": "4"}))


def test_what_looks_like_a_key_of_others_is_masked() -> None:
    """A gateway that speaks of its own key, or repeats one that this request did not carry."""
    shown = words('upstream said {"api_key": "abcd1234efgh"}, Bearer abcd1234efgh0', hidden({"a": "other-secret"}), 200)
    assert ("abcd1234" in shown, "upstream said" in shown) == (False, True)
