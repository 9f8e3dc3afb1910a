"""A report in a real browser: it fits a desk and a phone, and nothing of it runs or is loaded. Leaves screenshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlenv.report import write_report
from tests.browser import SCREENSHOTS, chromium, needs_chromium
from tests.eval_records import episode, step
from tests.test_eval_report import HOSTILE, runs

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_report_fits_and_reads(tmp_path: Path, width: int, scheme: str) -> None:
    played = runs()
    for name, records in played.items():
        records += [
            episode(name, 100 + i, name == "after", question=text, steps=[step(f"QUERY {text}", text)])
            for i, text in enumerate(HOSTILE)
        ]
    write_report(tmp_path, played, {"dataset": "mini", "seed": 0}, per_section=50)
    troubles: list[str] = []
    asked: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page.on("console", lambda message: troubles.append(message.text))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        address = (tmp_path / "report.html").as_uri()
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        links = page.locator("nav a")
        assert [text.split("\n")[0] for text in links.all_inner_texts()][:2] == ["Agents", "Differences"]
        links.get_by_text("before wrong, after right").click()
        first = page.locator("#episodes-gained details.episode").first
        assert first.get_attribute("open") is not None
        assert first.locator(".column").count() == 2
        second = page.locator("#episodes-gained details.episode").nth(1)
        assert not second.locator(".columns").is_visible()
        second.locator("summary").first.click()
        assert second.locator(".columns").is_visible()
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "<script>alert(1)</script>" in page.locator("body").inner_text()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.goto(address)
        page.screenshot(path=SCREENSHOTS / f"report-{width}.png", full_page=False)
    assert troubles == []
    assert set(asked) == {address}
