r"""Ready functions for `redact=`: they take keys, tokens and the like out of a text, by their form.

They are applied to every text of content and metadata, in the destination's thread:

    destinations.arize(..., redact=redact.secrets)
    destinations.otlp(url, redact=redact.chain(redact.secrets, redact.patterns(r"\bEMP-\d{6}\b")))

A form can only be recognised, never proven: names, addresses and free text need `privacy_mode`, or a detector of your own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

MASK = "[redacted]"
Redactor = Callable[[str], str]

# Forms that are published by those who give the keys out. Each begins with something that plain language does not.
_SECRETS = (
    r"sk-(?:ant-|proj-|or-v1-|svcacct-|lf-)?[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic, OpenRouter, Langfuse
    r"pk-lf-[A-Za-z0-9-]{16,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # AWS
    r"AIza[0-9A-Za-z_-]{35}",  # Google
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"hf_[A-Za-z0-9]{30,}",
    r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",  # LangSmith
    r"(?:xaat|xapt)-[0-9a-f-]{36}",  # Axiom
    r"glc_[A-Za-z0-9+/=]{20,}",  # Grafana Cloud
    r"hc[a-z]{2}k_[A-Za-z0-9]{20,}",  # Honeycomb
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Tokens
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)
# `Authorization: Bearer x`, `api_key=x`, `"password": "x"`: the name stays, the value goes
_NAMED = re.compile(
    r"""(?ix) ( \b(?:bearer|basic)\s+ )(?=[A-Za-z0-9+/_.~=-]*[0-9+/_=])[A-Za-z0-9+/_.~=-]{8,}
      | ( ["']? (?:api[_-]?key | access[_-]?key | secret[_-]?key | auth[_-]?token | access[_-]?token | refresh[_-]?token
                 | client[_-]?secret | password | passwd | secret ) ["']? \s* [:=] \s* ["']? ) [^\s"',;}{]{4,}
      | ( [a-z][a-z0-9+.-]*:// [^\s/:@]* : ) [^\s/@]+ (?=@)"""
)
_SECRET = re.compile("|".join(f"(?:{form})" for form in _SECRETS))
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")


def secrets(text: str) -> str:
    """Return *text* without API keys, tokens, private keys, passwords in addresses and values named like them."""
    return _NAMED.sub(lambda found: f"{found[1] or found[2] or found[3]}{MASK}", _SECRET.sub(MASK, text))


def emails(text: str) -> str:
    """Return *text* without addresses of electronic mail."""
    return _EMAIL.sub(MASK, text) if "@" in text else text


def cards(text: str) -> str:
    """Return *text* without numbers that pass as payment cards (13 to 19 digits, Luhn's check)."""
    return _CARD.sub(lambda found: MASK if _is_luhn(found[0]) else found[0], text)


def _is_luhn(number: str) -> bool:
    digits = [int(digit) for digit in number if digit.isdigit()][::-1]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


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
