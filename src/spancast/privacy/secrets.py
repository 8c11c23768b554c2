"""What looks like a key: the one list of names under which secrets travel, and of the forms that keys have.

Every pattern is linear in the text: whatever may repeat is bounded, possessive, or begins where nothing of it can stand
before it. A form can be recognised, never proven.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..key_forms import MASK, compiled, masked, without_forms

__all__ = ["MASK", "is_secret_name", "is_secret_parameter", "masked_arguments", "without_secrets"]

# ---------------------------------------------------------------- names of parameters, headers, fields, variables
# Words before `key` and `token` that make a secret of it; `cache_key`, `foreign_key`, `max_token`, `next_token` are none.
_KEYS = (
    "access|account|admin|api|app|application|auth|consumer|encryption|ingest|ingestion|license|master|private|secret|"
    "service|shared|signing|space|ssh|subscription|write"
)
_TOKENS = (
    "access|admin|api|app|auth|bearer|bot|csrf|github|gitlab|hf|huggingface|id|oauth|oauth2|personal|private|refresh|sas|secret|"
    "security|service|session|slack|user|xsrf"
)
_SECRET_NAME = (
    rf"(?:{_KEYS})[ _-]?key(?:[ _-]?id)?|(?:{_TOKENS})[ _-]?token|secrets?|passwords?|passwd|passphrase|passcode|"
    r"client[ _-]?secret|authorization|credentials?|connection[ _-]?string"
)
_NAME = (
    rf"(?i:(?:^|[ ._-])(?:{_SECRET_NAME}|pwd|bearer|cookies?|jwt|dsn)(?:$|[ ._-])|"
    r"(?:key|secret|password|token)s?[ _-]?hash$)"
)
_PARAMETER = r"(?i:(?:^|_)headers?$|^(?:auth)?token$|^auth$|(?:^|_)proxy(?:_url)?$)"
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_MAX_NAME = 200  # characters of a name that are looked at


@lru_cache(maxsize=2048)
def _named_secret(name: str) -> bool:
    return compiled(_NAME).search(compiled(_HUMP).sub("_", name)) is not None


def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is a secret: `api_key`, `X-Api-Key`, `clientSecret`, `db.password`, `Cookie`."""
    return _named_secret(name[:_MAX_NAME])


@lru_cache(maxsize=2048)
def is_secret_parameter(name: str) -> bool:
    """Return whether a model's parameter of this name may hold a secret: those names, and `default_headers`, `token`."""
    return is_secret_name(name) or compiled(_PARAMETER).search(name[:_MAX_NAME]) is not None


def masked_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; the value of one that is named like a secret is masked.

    Names that are secrets as parameters only (`token`, `auth`, `headers`) may also name a number: those stay.
    """
    return {name: MASK if _is_secret_argument(name, value) else value for name, value in arguments.items()}


def _is_secret_argument(name: str, value: object) -> bool:
    if value is None or type(value) is bool:
        return False
    return is_secret_name(name) or (is_secret_parameter(name) and type(value) not in (int, float))


# `api_key=x`, `"password": "x"`, `clientSecret: ["x"]`: the name stays, the value goes. Quotes may be escaped as in JSON
# inside JSON, in HTML, in a URL; a quoted value ends at the quote that it began with.
_QUOTE = r"""(?:\\{0,7}["']|\\{1,7}u002[27]|%2[27]|&(?:quot|apos|#3[49]);)"""
_MASKED = r"""(?:(?i:bearer|basic|token|digest)\s{1,20})?\[?redacted\](?:[\s"',;}\\]|$)"""  # what was masked before
# an atomic group: of a possessive quantifier around a group, Python before 3.11.5 takes one piece too many
_QUOTED = rf"(?P<quote>{_QUOTE})(?>(?:(?!(?P=quote))(?:\\.|[^\\\n])){{4,8192}})"
_VALUE = rf"""{_QUOTED}|(?!{_QUOTE}|{_MASKED})[^\s"',;}}{{\\]{{4,}}"""
_AFTER_NAME = (
    rf"""{_QUOTE}?\s{{0,20}}(?:[:=]|%3[ADad])\s{{0,20}}(?:\[\s{{0,20}})?(?:(?i:bearer|basic|token|digest)\s{{1,20}})?"""
)


def _after_one_of(words: str, last: str) -> str:
    """Return an expression that looks behind *last* for one of *words*: a name is searched by its last word only."""
    return "|".join(f"(?<={word}{last})|(?<={word}[ _-]{last})" for word in words.split("|"))


_LAST_WORDS = {
    "key": rf"(?:{_after_one_of(_KEYS, 'key')})(?:[ _-]?id)?",
    "token": f"(?:{_after_one_of(_TOKENS, 'token')})",
    "secret": "(?:s|[ _-]?key)?",
    "password": "s?",
    "passwd": "",
    "pwd": "",
    "passphrase": "",
    "passcode": "",
    "authorization": "",
    "credential": "s?",
    "connection": "[ _-]?string",
}
_NAMED = (  # alternatives that begin with a letter each: `re` skips to those letters
    "(?P<name>(?:"
    + "|".join(
        f"{first}(?i:{word[1:]}{rest})" for word, rest in _LAST_WORDS.items() for first in (word[0], word[0].upper())
    )
    + f"){_AFTER_NAME})(?:{_VALUE})"
)
_IN_URL = r"""(?P<name>://(?:[^\s/:@"]{0,256}:)?)(?:(?<=:)[^\s/@"]{1,512}|(?<=/)[^\s/:@"]{20,256})(?=@)"""
_IN_QUERY = (
    r"""(?P<name>[?&](?i:key|sig|signature|token|x-amz-(?:signature|credential|security-token))=)[^\s&"'\\#]{4,}"""
)
_COOKIE = r"""(?P<name>(?:c|C)(?i:ookie)s?["']?\s{0,20}[:=]\s{0,20}["']?[^\s=;,"']{1,128}=)(?P<quote>)[^\s;,"']{4,}"""
_FLAG = r"""(?P<name>(?<!-)--(?P<label>[A-Za-z][\w-]{1,63})\s{1,20})(?P<quote>["']?)(?!-)[^\s"']{4,}"""
_ELEMENT = r"(?P<name><(?P<label>[A-Za-z][\w:.-]{0,63})(?:\s[^<>]{0,200}+)?>)(?P<quote>)[^<>]{4,512}+(?=</)"


def without_secrets(text: str) -> str:
    """Return *text* without API keys, tokens, private keys, passwords in addresses and values named like them."""
    text = without_forms(text)
    lower = text.lower()
    if any([word in lower for word in _LAST_WORDS]):
        text = compiled(_NAMED).sub(masked, text)
        text = compiled(_FLAG).sub(_masked_if_secret, text) if "--" in text else text
        text = compiled(_ELEMENT).sub(_masked_if_secret, text) if "</" in text else text
    if "cookie" in lower:
        text = compiled(_COOKIE).sub(masked, text)
    if "://" in text and "@" in text:
        text = compiled(_IN_URL).sub(masked, text)
    if "=" in text and ("://" in text or "&" in text):
        text = compiled(_IN_QUERY).sub(masked, text)
    return text


def _masked_if_secret(found: re.Match[str]) -> str:
    """Mask the value of an option of a command line, or of an element of XML, that is named like a secret."""
    return masked(found) if is_secret_parameter(found["label"]) else found[0]
