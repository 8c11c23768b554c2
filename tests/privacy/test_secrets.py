"""One list of what looks like a key, and redactors that are linear in the text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spancast import redact
from spancast.privacy.media import without_media
from spancast.privacy.secrets import MASK, is_secret_name, is_secret_parameter
from spancast.record.operation import Kind, Operation

from ..linear import MOST, growth


@pytest.mark.parametrize(
    "name",
    ["api_key", "X-Api-Key", "openai_api_key", "clientSecret", "db.password", "Cookie", "aws_secret_access_key", "dsn",
     "AccessToken", "password_hash", "id_token", "Authorization", "private_key", "connection_string", "SECRET", "passwd",
     "Proxy-Authorization", "x-goog-api-key", "subscription-key", "huggingface_token", "credentials"],
)  # fmt: skip
def test_names_of_secrets_are_recognised(name: str) -> None:
    """However they are spelled: as a parameter, a header, a field, a variable of the environment."""
    assert is_secret_name(name)
    assert is_secret_parameter(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "token_count", "prompt_cache_key", "next_token", "secretary", "session_id", "api_version", "tokens",
     "foreign_key", "key", "stop_token", "temperature", "author", "tokenizer", "keyboard", ""],
)  # fmt: skip
def test_other_names_are_none(name: str) -> None:
    """What only holds a word of them is no secret."""
    assert not is_secret_name(name)


def test_parameters_that_carry_keys_are_recognised() -> None:
    """A model's headers and its bare `token` are no content of a trace; numbers of tokens are."""
    assert [True] * 4 == [is_secret_parameter(name) for name in ("default_headers", "headers", "token", "auth")]
    assert not is_secret_parameter("max_completion_tokens")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Token abcd1234", f"Authorization: Token {MASK}"),
        (r"{\"password\": \"hunter 22\"}", rf"{{\"password\": \"{MASK}\"}}"),
        ("cache_key: abcdef, max_token: 10000", "cache_key: abcdef, max_token: 10000"),
        ("clientSecret: abcdefg", f"clientSecret: {MASK}"),
        ("key: password=hunter2", f"key: password={MASK}"),
        ("https://x.y/z?key=AbCdEfG&b=1", f"https://x.y/z?key={MASK}&b=1"),
        ('headers={"X-Api-Key": "abc123456"}', f'headers={{"X-Api-Key": "{MASK}"}}'),
        ("AWS_SECRET_ACCESS_KEY=abcd/efgh+123", f"AWS_SECRET_ACCESS_KEY={MASK}"),
        ("a gsk_" + "a1" * 20 + " b", f"a {MASK} b"),
        ("-----BEGIN PRIVATE KEY-----\nMII", MASK),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ", MASK),
        ('password="hun\\"ter 22", a', f'password="{MASK}", a'),
        ('"password": "hunter\\n22"', f'"password": "{MASK}"'),
        ("passwords: ['hunter22', 'b']", f"passwords: ['{MASK}', 'b']"),
        (r"{\u0022password\u0022:\u0022hunter22\u0022}", rf"{{\u0022password\u0022:\u0022{MASK}\u0022}}"),
        ("%22password%22%3A%22hunter22%22", f"%22password%22%3A%22{MASK}%22"),
        ("&quot;password&quot;:&quot;hunter22&quot;", f"&quot;password&quot;:&quot;{MASK}&quot;"),
        ("curl --api-key abcd1234 --verbose", f"curl --api-key {MASK} --verbose"),
        ("run --password 'abcd1234' --key abcd1234", f"run --password '{MASK}' --key abcd1234"),
        ("<user>jane</user><password>hunter22</password>", f"<user>jane</user><password>{MASK}</password>"),
        ("Set-Cookie: sid=abcd1234; Path=/", f"Set-Cookie: sid={MASK}; Path=/"),
        ("a cookie: chocolate", "a cookie: chocolate"),
        ("https://abcdefghij0123456789@git.example.com/x", f"https://{MASK}@git.example.com/x"),
        ("ssh://git@git.example.com/x", "ssh://git@git.example.com/x"),
        ("PWD=abcd1234", f"PWD={MASK}"),
        ("PRIVATE-TOKEN: abcd1234", f"PRIVATE-TOKEN: {MASK}"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- x", f"{MASK} x"),
    ],
)
def test_values_of_secrets_are_masked(text: str, expected: str) -> None:
    """In text, in JSON, in JSON inside JSON, in addresses; what is named alike stays."""
    assert expected == redact.secrets(text)


def test_addresses_of_mail_are_recognised_whole() -> None:
    """However long the part before the @ is, and in any alphabet."""
    assert f"to {MASK}." == redact.emails(f"to {'a' * 100}@mail.example.com.")
    assert f"an {MASK}, ja" == redact.emails("an jürgen@müller.example, ja")
    assert "a @ b, x@" == redact.emails("a @ b, x@")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My card is 4111 1111 1111 1111.", f"My card is {MASK}."),
        ("No.4111111111111111", f"No.{MASK}"),
        ("{'card': 4111111111111111.0}", f"{{'card': {MASK}.0}}"),
        ("4111\u00a01111\u00a01111\u00a01111", MASK),
        ("4111.1111.1111.1111, 4111/1111/1111/1111", f"{MASK}, {MASK}"),
        ("4111  1111  1111  1111", MASK),
        ("0.4111111111111111", "0.4111111111111111"),
        ("4111111111111111.25", "4111111111111111.25"),
        ("4111111111111112", "4111111111111112"),
    ],
)
def test_cards_are_recognised_in_sentences(text: str, expected: str) -> None:
    """At the end of a sentence, behind an abbreviation, as a float, in groups; but no fraction is one."""
    assert expected == redact.cards(text)


@pytest.mark.parametrize("place", [0, 65_500, 65_536, 100_000])
def test_what_crosses_a_border_of_pieces_is_recognised(place: int) -> None:
    """A long text is looked at in pieces, and none of them ends inside of what is recognised."""
    words = ("word " * (place // 5 + 1))[:place]
    rest = " and more" * 20_000
    text = f"{words} api_key = abcd1234efgh, jane@example.com, 4111 1111 1111 1111{rest}"
    masked = redact.BUILT_IN["all"](text)
    assert [] == [secret for secret in ("abcd1234efgh", "jane@", "4111") if secret in masked]
    assert masked.startswith(words)
    assert masked.endswith(rest)


TEXTS: dict[str, Callable[[int], str]] = {
    "a long word": lambda n: "a" * n,
    "hexadecimal": lambda n: "deadbeef" * (n // 8),
    "base64": lambda n: "abcdefghij-+." * (n // 13),
    "eyJ": lambda n: "eyJ" * (n // 3),
    "eyJ with dots": lambda n: "eyJabcdefghijk." * (n // 15),
    "BEGIN": lambda n: "-----BEGIN A" * (n // 12),
    "private keys": lambda n: "-----BEGIN PRIVATE KEY-----" * (n // 27),
    "bearer and blanks": lambda n: "bearer" + " " * n,
    "bearer many times": lambda n: "bearer " * (n // 7),
    "one bearer and a long word": lambda n: "bearer " + "a" * n,
    "bearer and long words": lambda n: ("bearer " + "a" * 500) * (n // 507),
    "a scheme": lambda n: "a://" + "b" * n + ":",
    "schemes": lambda n: "a://b:" * (n // 6) + "@",
    "quotes": lambda n: '"' * n,
    "backslashes": lambda n: "password" + "\\" * n,
    "password and blanks": lambda n: "password" + " " * n,
    "passwords": lambda n: "password: " * (n // 10),
    "keys": lambda n: "api_key" * (n // 7),
    "questions": lambda n: "://?key=" * (n // 8),
    "a long word and @": lambda n: "a" * n + " @",
    "dots": lambda n: "a@" + "a." * (n // 2),
    "@": lambda n: "a@" * (n // 2),
    "digits": lambda n: "1" * n,
    "digits and blanks": lambda n: "1 " * (n // 2),
    "cookies": lambda n: "cookie: a=" * (n // 10),
    "a cookie": lambda n: "cookie:" + "a" * n,
    "options": lambda n: "--api-key " * (n // 10),
    "dashes": lambda n: "secret" + "-" * n,
    "elements": lambda n: "</><password a>" * (n // 15),
    "an element": lambda n: "</ password <a" + " a" * (n // 2),
    "a quoted value": lambda n: 'password: "' + "\\'" * (n // 2),
    "quoted values": lambda n: "password: ['a" * (n // 13),
    "a data address": lambda n: "data:a/a" + ";a" * (n // 2),
    "data addresses": lambda n: "data:a/a;base64," * (n // 16),
    "lines": lambda n: "\n" * n,
}


@pytest.mark.parametrize("redactor", ["secrets", "emails", "cards"])
@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_redactors_take_time_as_the_text_is_long(make: Callable[[int], str], redactor: str) -> None:
    """Linear, for whatever somebody types."""
    assert growth(redact.BUILT_IN[redactor], make, 8_000) < MOST


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_taking_media_out_takes_time_as_the_text_is_long(make: Callable[[int], str]) -> None:
    """The same for media."""

    def of_text(text: str) -> Operation:
        return without_media(
            Operation(kind=Kind.CHAIN, name="n", trace_id=1, span_id=1, start_ns=1, end_ns=2, input=text)
        )

    assert growth(of_text, make, 8_000) < MOST
