"""Every function that reads a text of others takes time as the text is long, whatever somebody types."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from spancast.conventions.cutting import beginning, cut
from spancast.otlp.masking import hidden, masked, words
from spancast.otlp.proxies import bypassed, proxy_for
from spancast.privacy import names
from spancast.privacy.secrets import is_secret_name, is_secret_parameter, without_secrets
from spancast.record.json import dumps
from spancast.setting import masked_url
from spancast.terminal import printable
from spancast.validation import SettingsError
from spancast.view.query import since
from spancast.view.read import read_line

from .linear import MOST, growth
from .privacy.test_secrets import TEXTS

pytestmark = pytest.mark.slow
SECRETS = hidden({"Authorization": "Bearer s3cr3t-0123456789", "x": "a" * 40}, "https://c/?key=abcdefgh")


def _refused(text: str) -> None:
    from datetime import UTC, datetime

    try:
        since(text, datetime.now(UTC))
    except ValueError:
        pass


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "without_secrets": without_secrets,
    "is_secret_name": is_secret_name,
    "is_secret_parameter": is_secret_parameter,
    "name_or_hash": names.name_or_hash,
    "short_name": names.short_name,
    "class_name": names.class_name,
    "composed_name": lambda text: names.composed_name(f"RunnableParallel<{text}>"),
    "masked": lambda text: masked(text, SECRETS),
    "words": lambda text: words(text, SECRETS, 200),
    "masked_url": lambda text: masked_url(f"https://u:p@h/{text}?a=b&{text}"),
    "proxy_for": lambda text: proxy_for("http://h/", {"http": "http://p:1", "no": text}),
    "bypassed": lambda text: bypassed(urlsplit("http://h.example.com/"), text),
    "cut": lambda text: cut(text, 1000),
    "cut as JSON": lambda text: cut(dumps({"a": [text, {"b": text}]}), 1000),
    "beginning": lambda text: beginning("[" + text, 1000),
    "an error": SettingsError,
    "printable": printable,
    "since": _refused,
    "a line of OTLP": lambda text: read_line(f'{{"resourceSpans": "{text}"}}'.encode()),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_time_is_linear_in_the_text(function: Callable[[str], object]) -> None:
    """For each of the texts that a careless pattern would take quadratic time for."""
    slow = {name: factor for name, make in TEXTS.items() if (factor := growth(function, make, 2_000)) >= MOST}
    assert {} == slow
