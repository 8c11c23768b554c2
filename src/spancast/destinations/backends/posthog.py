"""PostHog: its preset and what only PostHog knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def posthog(
    *, project_token: str | None = None, base_url: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to PostHog's AI observability, in gen_ai as protobuf.

    What it does differently (posthog.com/docs/llm-analytics/installation/opentelemetry and /docs/tracing/start-here):
    * `/i/v0/ai/otel` takes spans of generative AI only: those with a name or an attribute that begins with `gen_ai.`,
      `llm.`, `ai.` or `traceloop.`; steps between them are dropped there;
    * the project's token as Bearer, the same one as for events, no personal API key;
    * JSON is not documented, hence protobuf.

    Args:
        project_token: The project's token (`phc_`); else `POSTHOG_API_KEY`.
        base_url: Else `POSTHOG_HOST`, or `https://us.i.posthog.com`; in Europe `https://eu.i.posthog.com`.
    """
    why = "PostHog shows it in the project's settings"
    token = required_secret(project_token, "project_token", why, "POSTHOG_API_KEY")
    host = argument_or_env(base_url, "base_url", "POSTHOG_HOST") or "https://us.i.posthog.com"
    return http_destination(
        "posthog",
        traces_url(host, "base_url", "/i/v0/ai/otel"),
        common,
        protocol="http/protobuf",
        headers={"Authorization": f"Bearer {token}"},
    )


PRESET = Preset(
    make=posthog,
    title="PostHog",
    required=("project_token",),
    secrets=("project_token",),
    variables={"project_token": ("POSTHOG_API_KEY",), "base_url": ("POSTHOG_HOST",)},
    hints=Hints(hosts=("posthog.com",), authorization_scheme="Bearer"),
)
