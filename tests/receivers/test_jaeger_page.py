"""Jaeger's own page shows the demo's trace: found by its service, with its tree, its failed call and its attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations

from ..browser import needs_chromium, picture, running_chromium
from .applications import the_demo
from .cache import needs
from .jaeger_server import Jaeger, running_jaeger

pytest.importorskip("playwright.sync_api")
pytestmark = [*needs("jaeger", "jaeger_page"), needs_chromium]


def test_the_demos_trace_is_there(tmp_path: Path) -> None:
    """The search of its service finds it; the trace's page has all spans, and an open one its tokens."""
    with running_jaeger(tmp_path) as jaeger:
        memory = destinations.memory()
        with spancast.Pipeline(destinations.jaeger(jaeger.url), memory, service_name="support-agent") as pipeline:
            the_demo(pipeline)
            assert True is pipeline.flush(30)
        assert len(memory.spans) == len(jaeger.spans(memory.spans[0].trace_id, len(memory.spans)))
        with running_chromium() as browser:
            _seen(browser, jaeger)


def _seen(browser: Any, jaeger: Jaeger) -> None:
    tab = browser.new_context(viewport={"width": 1400, "height": 850}, color_scheme="light").new_page()
    tab.goto(f"{jaeger.query}/search?service=support-agent&lookback=1h&limit=20")
    tab.get_by_text("support-agent: Support request").first.click()
    for name in ("Answer the customer", "search_policy", "Think"):
        tab.get_by_text(name).first.wait_for()
    tab.get_by_text("Think").first.click()
    picture(tab, "jaeger-trace")
    tab.get_by_text("Tags:").first.click()
    tab.get_by_text("gen_ai.usage.input_tokens").first.wait_for()
    picture(tab, "jaeger-trace")
