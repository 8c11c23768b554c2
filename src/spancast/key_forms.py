"""The forms that keys have, as those publish them who give keys out; and sentences of spancast without them.

Every pattern is linear in the text: whatever may repeat is bounded, possessive, or begins where nothing of it can stand
before it. A form can be recognised, never proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

MASK = "[redacted]"

compiled = lru_cache(maxsize=None)(re.compile)
"""Compiles an expression where it is first needed: all of them together take 20 ms, a tenth of the import."""

# What every key of the form begins with, and the form: where no beginning is in a text, it is not searched at all.
_FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("sk-",), r"sk-(?:ant-|proj-|or-v1-|svcacct-|lf-)?[A-Za-z0-9_-]{16,}"),  # OpenAI, Anthropic, OpenRouter, Langfuse
    (("pk-lf-",), r"pk-lf-[A-Za-z0-9-]{16,}"),
    (("AKIA", "ASIA"), r"A(?:KI|SI)A[0-9A-Z]{16}"),  # AWS
    (("AIza",), r"AIza[0-9A-Za-z_-]{35}"),  # Google
    (("ya29.",), r"ya29\.[0-9A-Za-z_-]{20,}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,}"),
    (("github_pat_",), r"github_pat_[A-Za-z0-9_]{40,}"),
    (("glpat-",), r"glpat-[A-Za-z0-9_-]{20,}"),
    (("xox",), r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),  # Slack
    (("hf_",), r"hf_[A-Za-z0-9]{30,}"),
    (("gsk_",), r"gsk_[A-Za-z0-9]{32,}"),  # Groq
    (("xai-",), r"xai-[A-Za-z0-9]{32,}"),
    (("pplx-",), r"pplx-[A-Za-z0-9]{32,}"),  # Perplexity
    (("nvapi-",), r"nvapi-[A-Za-z0-9_-]{32,}"),
    (("tvly-",), r"tvly-[A-Za-z0-9-]{20,}"),  # Tavily
    (("pcsk_",), r"pcsk_[A-Za-z0-9_]{32,}"),  # Pinecone
    (("r8_",), r"r8_[A-Za-z0-9]{32,}"),  # Replicate
    (("lsv2_",), r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),  # LangSmith
    (("xaat-", "xapt-"), r"xa[ap]t-[0-9a-f-]{36}"),  # Axiom
    (("glc_",), r"glc_[A-Za-z0-9+/=]{20,}"),  # Grafana Cloud
    (("hc",), r"hc[a-z]{2}k_[A-Za-z0-9]{20,}"),  # Honeycomb
    (("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),  # Stripe
    (("whsec_",), r"whsec_[A-Za-z0-9+/=]{20,}"),
    (("npm_",), r"npm_[A-Za-z0-9]{36}"),
    (("pypi-",), r"pypi-[A-Za-z0-9_-]{50,}"),
    (("dop_v1_",), r"dop_v1_[0-9a-f]{64}"),  # DigitalOcean
    (("SG.",), r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"),  # SendGrid
    # JSON Web Tokens
    (("eyJ",), r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"),
)

# One step each: an id that is new in each span takes 5 us; with a list of answers for each form it took 25.
_BEGINNINGS = tuple([(beginning, form) for beginnings, form in _FORMS for beginning in beginnings])
_SCHEME = (
    r"\b(?P<name>(?:b(?i:earer|asic)|B(?i:earer|asic))\s{1,20})(?=[A-Za-z0-9+/_.~=-]{0,4096}[0-9+/_=])"
    r"[A-Za-z0-9+/_.~=-]{8,}"
)
_BLOCK = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_BLOCK_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"


def without_forms(text: str) -> str:
    """Return *text* without private keys, keys of a form that is published, and what follows `Bearer` and `Basic`."""
    if "PRIVATE KEY" in text:
        text = "".join(_without_blocks(text))
    for beginning, form in _BEGINNINGS:
        if beginning in text:
            text = compiled(form).sub(MASK, text)
    lower = text.lower()
    return compiled(_SCHEME).sub(masked, text) if "bearer" in lower or "basic" in lower else text


# Letters and digits in a row that no word, path or name has; at least four digits among them.
_RANDOM = r"(?:(?<![\w+=./\\-])|(?<=://))(?=(?:[A-Za-z_+=-]*+\d){4})(?=[\d_+=-]*+[A-Za-z])[\w+=-]{24,}+(?![\w+=./\\-])"


def without_keys(sentence: str) -> str:
    """Return a sentence about a setting without what may be a key: one that stands where another value belongs.

    Unlike `without_secrets` it leaves what is named like a secret: `api_key= or ARIZE_API_KEY` is what the sentence says.
    """
    return compiled(_RANDOM).sub(MASK, without_forms(sentence))


def masked(found: re.Match[str]) -> str:
    """Return what stands in the place of a value that was found: its name and quote stay."""
    quote = found["quote"] if "quote" in found.re.groupindex else None
    return f"{found['name']}{quote or ''}{MASK}"


def _without_blocks(text: str) -> Iterator[str]:
    """Yield the pieces between blocks of private keys, and the mask for each; one without an end reaches to the end."""
    place = 0
    while begin := compiled(_BLOCK).search(text, place):
        yield text[place : begin.start()]
        yield MASK
        end = compiled(_BLOCK_END).search(text, begin.end())
        place = end.end() if end else len(text)
    yield text[place:]
