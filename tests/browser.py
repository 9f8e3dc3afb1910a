"""A real Chromium for tests of the page: visitors, what went wrong in their pages, and screenshots to look at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

SCREENSHOTS = Path(__file__).resolve().parent.parent / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(
    EXECUTABLE is None, reason=f"no browser here, looked for {', '.join(NAMES)}: apt-get install chromium"
)
WAIT_MS = 15_000

# Counts violations of the content security policy, and keeps hold of the page's sockets.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + event.blockedURI));
window.sockets = [];
const Native = WebSocket;
window.WebSocket = class extends Native { constructor(...given) { super(...given); window.sockets.push(this); } };
"""


class Visitor:
    """One person's browser: its own cookies and storage. `url` is the gateway's."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.context.set_default_timeout(WAIT_MS)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.troubles: list[str] = []
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("response", lambda response: self.responses.append(response))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def visit(self, query: str = "") -> Page:
        """Opens the page and waits until there is something to play."""
        self.page.goto(f"{self.url}/{query}")
        expect(self.page.locator(".chip").first).to_be_visible()
        return self.page

    def play(self, task_id: str, seed: int = 1) -> Page:
        """Opens the page with this task."""
        return self.visit(f"?task={task_id}&seed={seed}")

    def describe(self, table: str) -> None:
        """Clicks a table's name."""
        before = self.steps
        self.page.locator(f'.chip[data-table="{table}"]').click()
        self.wait(before + 1)

    def query(self, sql: str) -> None:
        """Runs a query by mouse."""
        before = self.steps
        self.page.get_by_role("radio", name="Query").check(force=True)
        self.page.get_by_label("One SELECT, in SQLite’s dialect").fill(sql)
        self.page.get_by_role("button", name="Run the query").click()
        self.wait(before + 1)

    def answer(self, value: str) -> None:
        """Answers with a value."""
        self.page.get_by_role("radio", name="Answer").check(force=True)
        self.page.get_by_label("Your answer").fill(value)
        self.page.get_by_role("button", name="Give this answer").click()
        expect(self.page.locator("#end")).to_be_visible()

    @property
    def steps(self) -> int:
        """Steps that the notebook shows."""
        return self.page.locator("#log > .step").count()

    def wait(self, steps: int) -> None:
        """Waits until so many steps are there."""
        expect(self.page.locator("#log > .step")).to_have_count(steps)

    def latest(self) -> str:
        """The text of the latest step."""
        return self.page.locator("#log > .step").first.inner_text()

    def drop(self) -> None:
        """Ends the page's connection."""
        self.page.evaluate("sockets.at(-1).close()")

    def shoot(self, name: str, full: bool = False) -> None:
        """Keeps a screenshot."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)

    def check(self, *allowed: str) -> None:
        """Nothing went wrong, but for what matches `allowed`; nothing came from elsewhere."""
        left = [one for one in self.troubles if not any(re.search(pattern, one) for pattern in allowed)]
        assert left == []
        assert self.page.evaluate("violations") == []
        elsewhere = [one.url for one in self.requests if not one.url.startswith((self.url, "data:"))]
        assert elsewhere == []


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that runs until the block ends."""
    assert EXECUTABLE is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, url: str, **options: Any) -> Iterator[Visitor]:
    """A visitor, gone when the block ends."""
    made = Visitor(browser, url, **options)
    try:
        yield made
    finally:
        made.context.close()
