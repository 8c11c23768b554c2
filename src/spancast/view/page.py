"""The page as HTML: as `spancast serve` sends it, and as one file that holds its data.

The built page lies beside this module (`page.html`); its sources are in the folder `page/` of the repository.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

_DATA_MARK = "<!--spancast-data-->"
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


@cache
def page_html() -> str:
    """Return the built page."""
    return files(__package__).joinpath("page.html").read_text("utf-8")


@cache
def content_security_policy() -> str:
    """Return the policy under which the page runs: its own script and style by their hashes, nothing from elsewhere."""
    html = page_html()
    scripts = [_hash(text) for text in re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", html, re.DOTALL)]
    styles = [_hash(text) for text in re.findall(r"<style>(.*?)</style>", html, re.DOTALL)]
    return (
        f"default-src 'none'; script-src {' '.join(scripts)}; style-src {' '.join(styles)}; "
        "img-src data:; media-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page_with(data: dict[str, Any]) -> str:
    """Return one self-contained page that shows *data*: `{"traces": [rows], "details": {trace_id: trace}, "diff"?: ...}`.

    The data stands in a block that is never executed; `<` is escaped, so that nothing in it can end the block.
    """
    text = orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8")
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    policy = content_security_policy().replace("; frame-ancestors 'none'", "")
    policy = policy.replace("connect-src 'self'", "connect-src 'none'")
    block = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<script type="application/json" id="spancast-data">{text}</script>'
    )
    return page_html().replace(_DATA_MARK, block, 1)


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
