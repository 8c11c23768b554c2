"""Chromium for tests of pages: found on the machine, driven through Playwright, and pictures for the documentation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
# what a browser would otherwise do by itself: ask other hosts, want a graphics card, want not to be root
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@contextmanager
def running_chromium() -> Iterator[Any]:
    """Yield a browser."""
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


def picture(page: Any, name: str) -> None:
    """Save what a tab shows as NAME.png in the folder that `SPANCAST_PICTURES` names; without it, nothing."""
    if folder := os.environ.get("SPANCAST_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
