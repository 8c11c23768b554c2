"""The page in a real browser: list, filters, a trace, its chat, live updates, 10,000 spans, attacks, a phone's width."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import destinations
from spancast.view.export import page_of
from spancast.view.read import read_lines, read_request, traces_of

from ..browser import needs_chromium, picture, running_chromium
from .site import Site
from .traces import chat_attributes, conversation, request, span

pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")
pytestmark = [pytest.mark.slow, pytest.mark.alone, needs_chromium]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def site() -> Iterator[Site]:
    """A server that is empty."""
    site = Site()
    yield site
    site.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A tab; whatever the page says on the console as an error fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 850})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    elsewhere: list[str] = []
    page.on("request", lambda sent: elsewhere.append(sent.url) if not _is_here(sent.url) else None)
    yield page
    context.close()
    assert ([], []) == (problems, elsewhere)


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "http://localhost", "data:", "file:"))


def test_from_the_list_to_the_chat(site: Site, page: Any) -> None:
    """A person searches, opens a trace, selects the model call and reads what was said."""
    site.add(conversation(1, "Where is order 17?", "On its way."))
    site.add(conversation(2, "And order 18?", "Lost, sorry.", at=60))
    page.goto(site.url)
    page.get_by_text("And order 18?").wait_for()
    picture(page, "list")
    page.get_by_label("Search").fill("way")
    page.get_by_text("And order 18?").wait_for(state="detached")
    page.get_by_text("Where is order 17?").click()
    page.get_by_role("treeitem").filter(has_text="chat").click()
    assistant = page.locator(".message.role-assistant")
    assistant.get_by_text("On its way.").wait_for()
    picture(page, "trace")
    page.keyboard.press("ArrowDown")
    page.locator(".row.selected").get_by_text("execute_tool lookup").wait_for()
    page.get_by_text("shipped").wait_for()
    assert f"#/trace/{1:032x}/{103:016x}" in page.url


def test_a_span_is_found_in_a_trace(site: Site, page: Any) -> None:
    """By its content; the others fade, Enter goes on, and the count of failed spans leads to them."""
    spans = [
        span(9, 1, "Support", lasts=100),
        span(9, 2, "chat", parent=1, attributes=chat_attributes("Where is 17?", "Lost.")),
    ]
    spans.append(span(9, 3, "look_up", parent=1, at=3, status={"code": 2, "message": "too slow"}))
    site.add(request(*spans))
    page.goto(f"{site.url}/#/trace/{9:032x}")
    page.locator("h1 .ok").wait_for()  # a failed tool does not make the trace fail
    page.get_by_text("1 failed").click()
    page.locator(".row.selected").get_by_text("look_up").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("where is")
    page.get_by_text("1 span, Enter goes on").wait_for()
    assert 2 == page.locator(".row.other").count()
    page.keyboard.press("Enter")
    page.locator(".row.selected").get_by_text("chat").wait_for()
    page.keyboard.press("Escape")
    page.locator(".row.other").first.wait_for(state="detached")


def test_new_traces_appear_by_themselves(site: Site, page: Any) -> None:
    """The list is live."""
    page.goto(site.url)
    page.get_by_text("No traces yet").wait_for()
    answer = page.request.post(
        f"{site.url}/v1/traces",
        data=orjson.dumps(conversation(5, "New question", "New answer")),
        headers={"content-type": "application/json"},
    )
    assert answer.ok
    page.get_by_text("New question").wait_for(timeout=10_000)


def test_a_session_reads_as_a_conversation(site: Site, page: Any) -> None:
    """Questions and answers across traces, in order."""
    site.add(conversation(1, "First?", "One."))
    site.add(conversation(2, "Second?", "Two.", at=60))
    page.goto(f"{site.url}/#/session/s1")
    page.get_by_text("Two.").wait_for()
    assert ["First?", "One.", "Second?", "Two."] == page.locator(".bubble").all_inner_texts()
    picture(page, "session")


@pytest.mark.parametrize("embedded", [False, True])
def test_scores_are_seen(site: Site, page: Any, tmp_path: Path, embedded: bool) -> None:
    """On a span, in the tree, and on a session; from the server and in a file. One of later takes no time."""
    found = tmp_path / "traces.jsonl"
    with spancast.Pipeline(destinations.file(found), spool=False):
        with spancast.trace(trace_name="Ask", session_id="s1", input="Hi", output="Hello") as trace:
            spancast.score("grounded", 0.8, explanation="Cites both pages.")
        trace.score("helpful", True, label="thumbs-up")
        spancast.score("resolved", 1, label="yes", explanation="It came back.", session_id="s1")
    spans = read_lines(found)
    if embedded:
        traces = list(traces_of(spans).values())
        (tmp_path / "page.html").write_text(page_of(traces))
        address = f"file://{tmp_path / 'page.html'}"
    else:
        site.store.add(spans)
        address = site.url
    page.goto(f"{address}#/session/s1")
    page.get_by_text("Scores of the session").wait_for()
    page.get_by_text("It came back.").wait_for()
    assert ["Hi", "Hello"] == page.locator(".bubble").all_inner_texts()
    if not embedded:
        picture(page, "session-scores")
    page.get_by_role("link", name="Ask").click()
    page.get_by_text("Cites both pages.").wait_for()
    assert ["grounded 0.8", "1 thumbs-up"] == page.locator(".row .badge.score").all_inner_texts()
    if not embedded:
        picture(page, "scores")


def test_two_traces_are_compared(site: Site, page: Any) -> None:
    """Chosen in the list, shown side by side."""
    site.add(conversation(1, "Same?", "Yes, it is."))
    site.add(conversation(2, "Same?", "No, it is not.", at=60))
    page.goto(site.url)
    boxes = page.get_by_role("checkbox", name="compare")
    boxes.nth(1).wait_for()  # `all` does not wait for the list
    for box in boxes.all():
        box.check()
    page.get_by_text("Compare the two").click()
    page.locator(".lines .added").first.wait_for()
    picture(page, "diff")
    assert "No, it is not." in page.locator(".lines").first.inner_text() + page.locator(".lines").last.inner_text()


def test_the_gateways_span_is_shown_as_one_with_the_applications(site: Site, page: Any) -> None:
    """One row for one model call."""
    outer = span(1, 1, "chat", attributes=chat_attributes("q", "a"))
    inner = span(1, 2, "OpenRouter Request", parent=1, attributes=chat_attributes("q", "a"))
    site.add(request(outer, inner))
    page.goto(f"{site.url}/#/trace/{1:032x}")
    page.get_by_role("treeitem").first.wait_for()
    assert 1 == page.get_by_role("treeitem").count()
    page.get_by_role("tab", name="gateway").click()
    page.get_by_text("as the gateway saw it: OpenRouter Request").wait_for()


def test_ten_thousand_spans_are_drawn_and_scrolled(site: Site, page: Any) -> None:
    """Only the rows in sight exist, so that a large trace opens as a small one does."""
    spans = [span(9, 1, "root", lasts=100)]
    spans += [span(9, number, f"call {number}", parent=1, at=number / 100) for number in range(2, 10_001)]
    site.add(request(*spans))
    page.goto(f"{site.url}/#/trace/{9:032x}")
    page.get_by_role("treeitem").first.wait_for()
    assert page.get_by_role("treeitem").count() < 120
    page.locator(".tree").evaluate("element => element.scrollTop = element.scrollHeight")
    page.get_by_text("call 10000").wait_for()
    assert page.get_by_role("treeitem").count() < 120


ATTACKS = [
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<svg/onload=window.hit=1>",
    "[click](javascript:window.hit=1)",
    "</script><script>window.hit=1</script>",
    "\x1b]8;;http://evil.example\x07",
    "{{constructor.constructor('window.hit=1')()}}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_trace_is_executed(site: Site, page: Any, attack: str, tmp_path: Path) -> None:
    """Names, prompts, answers and ids from anywhere are text, in the server's page and in a file of its own."""
    data = conversation(1, attack, attack, session=attack, user=attack)
    data["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] = attack
    site.add(data)
    out = tmp_path / "page.html"
    out.write_text(page_of([list(read_request(data))]), encoding="utf-8")
    for start in (site.url, f"{site.url}/#/trace/{1:032x}", f"{site.url}/#/trace/{1:032x}/{102:016x}", out.as_uri()):
        page.goto(start)
        page.reload()
        page.locator("h1, .name").first.wait_for()
        assert None is page.evaluate("window.hit ?? null")


def test_a_file_of_its_own_needs_no_server(page: Any, tmp_path: Path) -> None:
    """It opens with its trace."""
    out = tmp_path / "page.html"
    out.write_text(page_of([list(read_request(conversation(1, "Q?", "A!")))]), encoding="utf-8")
    page.goto(out.as_uri())
    page.get_by_role("treeitem").filter(has_text="chat").click()
    page.locator(".message").get_by_text("A!").wait_for()


def test_dark_and_phone(site: Site, browser: Any) -> None:
    """Nothing is wider than the screen, and a span covers the tree until one goes back."""
    site.add(conversation(1, "Where is order 17? " * 10, "On its way. " * 10))
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark", device_scale_factor=2)
    page = context.new_page()
    page.goto(site.url)
    page.locator(".traces li").wait_for()
    picture(page, "phone-list")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".traces a").first.click()
    page.get_by_role("treeitem").filter(has_text="chat").click()
    page.locator(".message").first.wait_for()
    picture(page, "phone-trace")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("‹ tree").click()
    page.get_by_role("treeitem").first.wait_for()
    assert "dark" == page.evaluate("document.documentElement.dataset.theme")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demos_trace_looks_right(browser: Any, tmp_path: Path, scheme: str) -> None:
    """The agent of `spancast demo`: a model call as a chat, with its tool calls; the documentation's pictures are of it."""
    path = tmp_path / "t.jsonl"
    subprocess.run([sys.executable, "-m", "spancast", "demo", "--file", str(path)], check=True, capture_output=True)
    out = tmp_path / "page.html"
    out.write_text(page_of([read_lines(path)]), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1400, "height": 850}, color_scheme=scheme)
    page = context.new_page()
    page.goto(out.as_uri())
    page.get_by_role("treeitem").filter(has_text="LLM").last.click()
    page.locator(".message.role-tool").first.wait_for()
    page.locator(".call").get_by_text("→ lookup_order").first.wait_for()
    picture(page, f"demo-{scheme}")
    page.get_by_text("agent graph").click()
    page.locator("svg .node").first.wait_for()
    picture(page, f"graph-{scheme}")
    context.close()
