"""Sentry: its preset and what only Sentry knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...conventions import CONVENTIONS, Convention, gen_ai
from ...conventions.span import Span
from ...diagnostics.hints import Hints
from ...record.operation import Operation
from ...validation import SettingsError
from ..arguments import required_secret
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def sentry(*, dsn: str | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to Sentry, in gen_ai as protobuf.

    What it does differently (docs.sentry.io/concepts/otlp/direct/traces, an open beta):
    * the URL and the key in `x-sentry-auth` are made of the project's DSN;
    * Sentry drops attributes that begin with `trace.`: metadata goes as `metadata.<key>`, tags as `tags`;
    * JSON is not documented, hence protobuf.

    Args:
        dsn: The project's DSN, from its settings, Client Keys; else `SENTRY_DSN`.

    Raises:
        SettingsError: When it is no DSN.
    """
    found = required_secret(dsn, "dsn", "Sentry shows it in the project's settings, Client Keys", "SENTRY_DSN")
    try:
        parts = urlsplit(found)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    before, _, project = parts.path.rpartition("/")
    if parts.scheme not in ("http", "https") or not host or not parts.username or not project:
        raise SettingsError("dsn is no DSN: it has the form https://KEY@o1.ingest.sentry.io/2.")
    place = f"{host}:{port}" if port else host
    return http_destination(
        "sentry",
        f"{parts.scheme}://{place}{before}/api/{project}/integration/otlp/v1/traces",
        common,
        protocol="http/protobuf",
        headers={"x-sentry-auth": f"sentry sentry_key={parts.username}"},
        render=_renderer,
    )


def _renderer(convention: str) -> Convention:
    return sentry_gen_ai if convention == "gen_ai" else CONVENTIONS[convention]


def sentry_gen_ai(operation: Operation) -> Span:
    """Return the span of *operation* in gen_ai, without names that Sentry drops."""
    span = gen_ai.render(operation)
    return replace(span, attributes={name.removeprefix("trace."): value for name, value in span.attributes.items()})


PRESET = Preset(
    make=sentry,
    title="Sentry",
    required=("dsn",),
    secrets=("dsn",),
    variables={"dsn": ("SENTRY_DSN",)},
    hints=Hints(hosts=("sentry.io",)),
)
