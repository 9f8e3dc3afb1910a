"""The page in a real Chromium, in front of real services; its files without one."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from data.spider import import_dataset
from gateway import page as page_module
from gateway import replays, trained
from sqlenv.agents.oracle import answer_text
from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED, load
from tests.browser import SCREENSHOTS, Visitor, chromium, needs_chromium, visitor
from tests.gateways import LiveGateway, gateway
from tests.gateways import http as http_client
from tests.live import LiveServices
from tests.spiders import database
from trainer.config import load_config
from trainer.worlds import WorldSize, build_worlds

FILES = sorted(path for path in page_module.STATIC.rglob("*") if path.is_file())
LATER = "replays/"
TRAINED_MAX_STEPS = 6
FIRST_VIEW_BYTES = 100_000
TASK = "kennel_club-001"
TABLE = "stay"
GOLD = load_gold(BUNDLED)


def gold_answer(task_id: str) -> str:
    return answer_text(GOLD[task_id].rows, load(BUNDLED).by_id[task_id].answer_type)


# The files


@pytest.fixture(scope="module")
def alone() -> Iterator[LiveGateway]:
    """A gateway without services: files need none."""
    with LiveGateway("127.0.0.1:1") as live:
        yield live


def name(path: Path) -> str:
    return path.relative_to(page_module.STATIC).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_are_served_with_their_types(alone: LiveGateway, path: Path) -> None:
    kinds = {".html": "text/html", **page_module.TYPES}
    with http_client(alone) as client:
        response = client.get("/" if path.name == "index.html" else f"/static/{name(path)}")
        assert response.content == path.read_bytes()
        assert response.headers["content-type"].split(";")[0] == kinds[path.suffix]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-cache"
        assert "script-src 'self'" in response.headers["content-security-policy"]
        again = client.get(response.url.path, headers={"if-none-match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_page_has_two_addresses_and_answers_head(alone: LiveGateway) -> None:
    with http_client(alone) as client:
        assert client.get("/").text == client.get("/web").text
        assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/static/js/..%5c..%5c..%5cpage.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/js/%00",
        "/static/js",
        "/static/" + "x" * 5_000,
    ],
)
def test_no_path_leaves_the_folder(alone: LiveGateway, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", alone.port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status in (400, 404), body
    assert b"import" not in body
    assert b"/" + str(page_module.STATIC.parent).encode() not in body


def test_nothing_comes_from_elsewhere_and_nothing_is_inline() -> None:
    # Namespaces of SVG are names, not addresses.
    for path in FILES:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[\w-]+\.\w", text), path
        assert not re.search(r"\.(?:innerHTML|outerHTML|insertAdjacentHTML|srcdoc)\b|document\.write|\beval\(", text), (
            path
        )
    html = (page_module.STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", html)


def test_the_first_view_is_small() -> None:
    sizes = {name(path): path.stat().st_size for path in FILES if not name(path).startswith(LATER)}
    assert sum(sizes.values()) < FIRST_VIEW_BYTES, sizes


def test_every_module_is_named_for_loading_at_once() -> None:
    html = (page_module.STATIC / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'"static/(js/[\w-]+\.js)"', html))
    assert named == {name(path) for path in FILES if path.suffix == ".js"}


def test_the_recordings_are_what_the_page_reads() -> None:
    told = json.loads((replays.FOLDER / "replays.json").read_text(encoding="utf-8"))
    tasks = load(BUNDLED).by_id
    assert [task["task_id"] for task in told["tasks"]] == list(replays.TASKS)
    assert {task["difficulty"] for task in told["tasks"]} == {"easy", "medium", "hard", "extra"}
    for task in told["tasks"]:
        assert task["question"] == tasks[task["task_id"]].question
        assert {run["agent"] for run in task["runs"]} >= {"random", "oracle"}
        assert {run["agent"]: run["verdict"] for run in task["runs"]}["oracle"] == "correct"
    figures = json.loads((replays.FOLDER / "baselines.json").read_text(encoding="utf-8"))
    assert figures["dataset_version"] == load(BUNDLED).version
    assert [one["agent"] for one in figures["agents"]] == ["random", "explorer", "oracle"]
    assert all(one["episodes"] == len(tasks) for one in figures["agents"])


@pytest.mark.slow
def test_recording_again_gives_the_same_bytes(tmp_path: Path) -> None:
    replays.make(tmp_path)
    for name in ("replays.json", "baselines.json"):
        again, kept = (tmp_path / name).read_bytes(), (replays.FOLDER / name).read_bytes()
        assert again == kept, f"{name}: run python -m gateway.replays"


def trained_tasks() -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = json.loads((replays.FOLDER / trained.FILE).read_text(encoding="utf-8"))["tasks"]
    return tasks


def test_the_policys_recordings_show_what_it_learned_and_what_not() -> None:
    verdicts = [tuple(run["verdict"] == "correct" for run in task["runs"]) for task in trained_tasks()]
    assert verdicts.count((False, True)) == len(verdicts) - 1 >= 3
    assert verdicts[-1] == (False, False)
    assert len({task["db_id"] for task in trained_tasks()[:-1]}) == len(verdicts) - 1


def test_the_policys_recordings_say_of_which_run_they_are() -> None:
    about = json.loads((replays.FOLDER / trained.FILE).read_text(encoding="utf-8"))["about"]
    assert set(about) >= {"seed", "dataset_version", "weights", "skilled", "episodes", "databases"}
    assert about["accuracy"][0] < about["accuracy"][1] <= about["skilled"] + 0.1
    assert load_config("tiny").seed == about["seed"]


@pytest.mark.slow
def test_the_policys_recordings_are_true(tmp_path: Path) -> None:
    """Its actions, played again on databases made anew, bring the same observations and rewards."""
    build_worlds(tmp_path, WorldSize(train_questions=1), 0)
    kept = trained_tasks()
    sides = [
        {
            task["task_id"]: {"seed": 0, "steps": [{"action": step["text"]} for step in task["runs"][side]["steps"]]}
            for task in kept
        }
        for side in (0, 1)
    ]
    assert trained.play(tmp_path, TRAINED_MAX_STEPS, *sides, [task["task_id"] for task in kept]) == kept


# The page itself

browsing = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def ann(browser: Browser, live: LiveGateway) -> Iterator[Visitor]:
    with visitor(browser, live.url) as made:
        yield made


def shown_return(page: Page) -> float:
    return float(page.locator("#return").inner_text().replace("−", "-"))


def parts(page: Page) -> list[float]:
    texts = page.locator("#parts summary .number").all_inner_texts()
    return [float(text.replace("−", "-")) for text in texts]


class TestPlaying:
    pytestmark = browsing

    def test_a_right_answer_by_mouse(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        expect(page.locator("#question")).to_have_text(load(BUNDLED).by_id[TASK].question)
        expect(page.locator("#left")).to_have_text("15")
        ann.describe(TABLE)
        expect(page.locator("#known")).to_contain_text("checked_out")
        ann.query(GOLD[TASK].sql)
        expect(page.locator("#left")).to_have_text("13")
        page.get_by_role("radio", name="Answer").check(force=True)
        page.get_by_role("button", name="Take it from the last result").click()
        expect(page.get_by_label("Your answer")).to_have_value(gold_answer(TASK))
        ann.shoot("answer")
        page.get_by_role("button", name="Give this answer").click()
        end = page.locator("#end")
        expect(end).to_be_focused()
        expect(end).to_contain_text("Right.")
        expect(end).to_contain_text("no more than the reference takes")
        expect(end).to_contain_text("An ideal episode at this difficulty takes")
        assert shown_return(page) > 1.1
        assert sum(parts(page)) == pytest.approx(shown_return(page), abs=0.002)
        assert page.locator("#act").is_hidden()
        page.locator('.part[data-part="correctness"] summary').click()
        expect(page.locator('.part[data-part="correctness"]')).to_contain_text("the answer is right")
        ann.shoot("end-light", full=True)
        page.locator("#mine").scroll_into_view_if_needed()
        expect(page.locator("#board .me")).to_contain_text("100 %")
        expect(page.locator("#board tbody tr")).to_have_count(4)
        page.locator("#mine").screenshot(path=SCREENSHOTS / "session.png")
        ann.check()

    def test_a_right_answer_by_keyboard(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        keys = page.keyboard
        keys.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        keys.press("Enter")
        expect(page.locator("#question")).to_be_focused()
        keys.press("d")
        expect(page.locator("#describe-table")).to_be_focused()
        keys.type(TABLE)
        keys.press("Control+Enter")
        ann.wait(1)
        keys.press("Escape")
        keys.press("q")
        expect(page.locator("#sql")).to_be_focused()
        keys.type("SELECT count(*) FROM st")
        expect(page.locator("#names [role=option]").first).to_contain_text("stay")
        keys.press("Tab")
        keys.type(" WHERE checked_")
        expect(page.locator("#names [role=option]")).to_have_count(2)
        keys.press("ArrowDown")
        ann.shoot("completion")
        keys.press("Enter")
        keys.type(" IS NULL")
        expect(page.locator("#sql")).to_have_value("SELECT count(*) FROM stay WHERE checked_out IS NULL")
        keys.press("Control+Enter")
        ann.wait(2)
        assert gold_answer(TASK) in ann.latest()
        keys.press("Escape")
        keys.press("a")
        expect(page.locator("#value")).to_be_focused()
        keys.type(gold_answer(TASK))
        keys.press("Control+Enter")
        expect(page.locator("#end")).to_contain_text("Right.")
        keys.press("Tab")
        expect(page.get_by_role("button", name="New question").first).to_be_focused()
        keys.press("n")
        expect(page.locator("#left")).to_have_text("15")
        expect(page.locator("#question")).to_be_focused()
        ann.check()

    def test_tab_is_no_trap(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        page.locator("#sql").focus()
        page.keyboard.type("SELECT sta")
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(page.locator("#run")).to_be_focused()
        seen = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 20)"))
        assert {"new", "again", "share", "difficulty", "top"} <= seen

    def test_mistakes_are_explained_and_forgiven(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        ann.query("SELEC 1")
        expect(page.locator("#log .step").first).to_contain_text("SELEC")
        expect(page.locator("#log .step").first).to_contain_text("SQLite")
        ann.query("SELECT * FROM stays")
        expect(page.locator("#log .step").first).to_contain_text("Did you mean stay?")
        ann.query("SELECT arrived FROM stay")
        expect(page.locator("#log .step").first).to_contain_text("No such column: arrived.")
        ann.query("DROP TABLE stay")
        ann.query("SELECT 1; SELECT 2")
        assert page.locator("#log .step.failed").count() == 5
        assert shown_return(page) == pytest.approx(-0.125)
        page.locator("#log .step").first.get_by_text(re.compile("Why")).click()
        expect(page.locator("#log .step").first).to_contain_text("An action that gives an error costs 0.02.")
        ann.shoot("mistakes", full=True)
        page.get_by_label("One SELECT, in SQLite’s dialect").fill("  ")
        page.get_by_role("button", name="Run the query").click()
        expect(page.locator("#said")).to_have_text("Write a SELECT first.")
        ann.query(GOLD[TASK].sql)
        ann.answer(gold_answer(TASK))
        expect(page.locator("#end")).to_contain_text("Right.")
        ann.check()

    def test_a_wrong_answer_and_the_same_again(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        ann.answer("no number")
        expect(page.locator("#end")).to_contain_text("Not right.")
        expect(page.locator("#end")).to_contain_text("An ideal episode")
        page.get_by_role("button", name="Try the same again").click()
        expect(page.locator("#end")).to_be_hidden()
        expect(page.locator("#meta")).to_contain_text(TASK)
        ann.wait(0)
        ann.check()

    def test_the_budget_ends_it(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        for number in range(15):
            ann.query(f"SELECT {number}")
        expect(page.locator("#end")).to_contain_text("Out of steps.")
        expect(page.locator("#left")).to_have_text("15")
        expect(page.locator("#budget-title")).to_have_text("Steps taken")
        ann.check()

    def test_filters_and_links(self, ann: Visitor, browser: Browser, live: LiveGateway) -> None:
        page = ann.visit()
        assert "easy" in page.locator("#meta").inner_text()
        page.get_by_text("Split and database").click()
        expect(page.locator("#counted")).to_contain_text("questions to draw from.")
        page.locator("#difficulty").select_option("extra")
        page.locator("#split").select_option("eval")
        page.locator("#db").select_option("kennel_club")
        page.locator("#new").click()
        expect(page.locator("#meta")).to_contain_text("kennel_club · extra")
        with visitor(browser, live.url) as bob:
            bob.page.goto(page.url)
            expect(bob.page.locator("#question")).to_have_text(page.locator("#question").inner_text())
            expect(bob.page.locator("#meta")).to_have_text(page.locator("#meta").inner_text())
            bob.visit("?task=no_such_task&seed=x")
            expect(bob.page.locator("#said")).to_contain_text("The link can’t be followed.")
            bob.check()
        page.locator("#split").select_option("train")
        page.locator("#new").click()
        expect(page.locator("#said")).to_contain_text("task")
        expect(page.locator("#counted")).to_have_text("0 questions to draw from.")
        ann.check()

    def test_big_results(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        ann.query("SELECT * FROM stay")
        step = page.locator("#log .step").first
        expect(step).to_contain_text("20 rows shown of 703; the first 200 were sent")
        assert step.locator("tbody tr").count() == 20
        step.get_by_role("button", name="Show 100 more").click()
        assert step.locator("tbody tr").count() == 120
        ann.query("SELECT 9007199254740993, 2.0, -0.0, 1e300, NULL, '', x'00ff', '12'")
        cells = page.locator("#log .step").first.locator("td").all_inner_texts()
        assert cells[0] == "9007199254740993"
        assert cells[1] == "2.0"
        assert cells[4:6] == ["NULL", "empty text"]
        assert page.locator("#log .step").first.locator("td").nth(7).get_attribute("class") is None
        ann.query("SELECT hex(zeroblob(2000))")
        expect(page.locator("#log .step").first.locator("td summary")).to_contain_text("4,000 characters")
        ann.check()


MARKUP = [
    '<img src=x onerror="window.hurt=1">',
    "<script>window.hurt=2</script>",
    "</td></table><h1 id=forged>Forged</h1>",
    "javascript:window.hurt=3",
    "&lt;b&gt;",
    "\x1b[31mred\x1b[0m\x07",
    "left \u202egnp.exe\u2069 right",
    "zero\u200bwidth\ufeff and \U000e0041tags",
    "two\nlines\tand tab",
    "مرحبا بالعالم",
    "{{constructor}} ${1+1} __proto__",
    "x" * 3_000,
]
COLUMN = 'na<b>me"]\u202e'


# What is shown as text; what the visitor writes stays as it is.
TEXT = """
() => [...document.querySelectorAll("body *:not(textarea)")].flatMap((one) => [...one.childNodes])
  .filter((node) => node.nodeType === 3).map((node) => node.data).join("")
"""


class TestHostileValues:
    pytestmark = browsing

    @pytest.fixture
    def url(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        folder = tmp_path_factory.mktemp("hostile")
        column = COLUMN.replace('"', '""')
        rows = ",".join("({}, '{}')".format(at, value.replace("'", "''")) for at, value in enumerate(MARKUP))
        script = f'CREATE TABLE "ta<i>ble\u202e" (id INTEGER PRIMARY KEY, "{column}" TEXT);'
        script += f'INSERT INTO "ta<i>ble\u202e" VALUES {rows};'
        database(folder / "raw" / "database" / "odd" / "odd.sqlite", script)
        question = "How many <img src=x onerror='window.hurt=4'> \u202erows are there?"
        record = {"db_id": "odd", "question": question, "sql": 'SELECT count(*) FROM "ta<i>ble\u202e"'}
        (folder / "raw" / "questions.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
        import_dataset(folder / "raw", folder / "set", "odd")
        with LiveServices(folder / "set") as live, gateway(live) as started:
            yield started.url

    def test_they_are_shown_as_text(self, browser: Browser, url: str) -> None:
        with visitor(browser, url) as eve:
            page = eve.visit()
            expect(page.locator("#question")).to_contain_text("<img src=x onerror='window.hurt=4'> U+202Erows")
            chip = page.locator(".chip")
            expect(chip).to_have_text("ta<i>bleU+202E")
            chip.click()
            eve.wait(1)
            expect(page.locator("#known")).to_contain_text('na<b>me"]U+202E')
            eve.query('SELECT * FROM "ta<i>ble\u202e"')
            eve.shoot("hostile", full=True)
            head = page.locator("#log .step").first.locator("th").all_inner_texts()
            assert head == ["id", 'na<b>me"]U+202E']
            cells = page.locator("#log .step").first.locator("td:nth-child(2)")
            texts = cells.all_text_contents()
            assert texts[:5] == MARKUP[:5]
            assert texts[5] == "ESC[31mredESC[0mBEL"
            assert texts[6] == "left U+202Egnp.exeU+2069 right"
            assert texts[7] == "zeroU+200BwidthU+FEFF and U+E0041tags"
            assert texts[8] == "twoLFlinesTABand tab"
            assert "3,000 characters" in texts[11]
            self.check_no_harm(eve)
            page.locator("#sql").fill("")
            page.locator("#sql").press_sequentially('SELECT "na')
            page.keyboard.press("Tab")
            expect(page.locator("#sql")).to_have_value('SELECT "na<b>me""]\u202e"')
            page.keyboard.type(" FROM ta")
            page.keyboard.press("Tab")
            page.keyboard.press("Control+Enter")
            eve.wait(3)
            assert page.locator("#log .step.failed").count() == 0
            eve.query('SELECT \'<b>\' AS "<script>window.hurt=5</script>" FROM "no<i>such"')
            expect(page.locator("#log .error").first).to_contain_text("<i>")
            page.get_by_role("radio", name="Sample").check(force=True)
            page.get_by_role("button", name="Show some rows").click()
            eve.wait(5)
            eve.answer("<img src=x onerror='window.hurt=6'>")
            page.locator("#mine").scroll_into_view_if_needed()
            expect(page.locator(".played")).to_contain_text("<img src=x")
            expect(page.locator("#board")).to_contain_text("another data set")
            self.check_no_harm(eve)

    def check_no_harm(self, eve: Visitor) -> None:
        page = eve.page
        assert page.evaluate("window.hurt") is None
        assert page.locator("main img, main script, #forged, main b b, main i i").count() == 0
        assert page.locator("td [dir=auto], td bdi").count() > 0
        isolated = page.evaluate("getComputedStyle(document.querySelector('td bdi')).unicodeBidi")
        assert isolated == "isolate"
        assert "\u202e" not in page.evaluate(TEXT)
        eve.check()


class TestConnections:
    pytestmark = browsing

    def test_two_visitors_at_once(self, browser: Browser, live: LiveGateway) -> None:
        with visitor(browser, live.url) as ann, visitor(browser, live.url) as bob:
            ann.play("kennel_club-001")
            bob.play("concert_season-001")
            ann.describe("stay")
            bob.describe("concert")
            ann.query("SELECT 'of ann'")
            bob.query("SELECT 'of bob'")
            assert "bob" not in ann.page.locator("main").inner_text()
            assert "ann" not in bob.page.locator("#log").inner_text()
            ann.answer("1")
            assert bob.page.locator("#end").is_hidden()
            expect(bob.page.locator("#left")).to_have_text("13")
            for one in (ann, bob):
                one.check()

    def test_a_reload_goes_on_where_it_was(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        ann.describe(TABLE)
        ann.query("SELECT 1")
        before = page.locator("#log").inner_text()
        page.reload()
        ann.wait(2)
        assert page.locator("#log").inner_text() == before
        ann.query("SELECT 2")
        expect(page.locator("#left")).to_have_text("12")
        ann.check()

    def test_a_dropped_socket_resumes_the_session(self, ann: Visitor, live: LiveGateway) -> None:
        page = ann.play(TASK)
        ann.describe(TABLE)
        sessions = len(live.sessions)
        for number in range(3):
            ann.drop()
            ann.query(f"SELECT {number}")
        expect(page.locator("#left")).to_have_text("11")
        expect(page.locator("#status")).to_contain_text("Connected.")
        assert len(live.sessions) == sessions
        ann.check()

    def test_a_gateway_that_comes_back_without_its_memory(self, browser: Browser, services: LiveServices) -> None:
        with gateway(services) as first, visitor(browser, first.url) as ann:
            page = ann.play(TASK)
            ann.describe(TABLE)
            ann.query("SELECT 1")
            first.__exit__()
            expect(page.locator("#status")).to_contain_text(re.compile("connection was lost|server"))
            page.get_by_label("One SELECT, in SQLite’s dialect").fill(GOLD[TASK].sql)
            page.get_by_role("button", name="Run the query").click()
            expect(page.locator("#status")).to_contain_text("The server does not answer.", timeout=20_000)
            ann.shoot("away")
            with gateway(services, port=first.port):
                page.get_by_role("button", name="Try now").click()
                ann.wait(3)
                expect(page.locator("#left")).to_have_text("12")
                ann.answer(gold_answer(TASK))
                expect(page.locator("#end")).to_contain_text("Right.")
                ann.check("ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to load resource")

    def test_at_capacity_the_visitor_waits_for_a_place(self, browser: Browser, services: LiveServices) -> None:
        limits = {"max_sessions": 1, "queue_sessions": 0}
        with gateway(services, **limits) as small, visitor(browser, small.url) as ann:
            ann.play(TASK)
            with visitor(browser, small.url) as bob:
                bob.page.goto(small.url)
                status = bob.page.locator("#status")
                expect(status).to_contain_text(re.compile(r"Every place is taken just now\. Next try in \d+ s\."))
                bob.shoot("capacity")
                ann.context.close()
                status.get_by_role("button", name="Try now").click()
                expect(bob.page.locator(".chip").first).to_be_visible()
                bob.check()

    def test_the_environment_service_goes_and_comes_back(self, browser: Browser, services: LiveServices) -> None:
        with LiveServices() as first:
            port = int(first.env.rsplit(":", 1)[1])
            stack = gateway(first)
            started = stack.__enter__()
            with visitor(browser, started.url) as ann:
                page = ann.play(TASK)
                ann.describe(TABLE)
                self.stop(first)
                page.get_by_label("One SELECT, in SQLite’s dialect").fill("SELECT 1")
                page.get_by_role("button", name="Run the query").click()
                expect(page.locator("#status")).to_contain_text("environment service does not answer", timeout=20_000)
                with LiveServices(port=port):
                    ann.wait(2)
                    expect(page.locator("#left")).to_have_text("13")
                    ann.check()
            stack.__exit__(None, None, None)

    def stop(self, services: LiveServices) -> None:
        services.run(services._stack.aclose())

    def test_a_slow_server_is_said_to_be_slow(self, ann: Visitor) -> None:
        held: list[Any] = []
        holding = False

        def through(route: WebSocketRoute) -> None:
            server = route.connect_to_server()
            route.on_message(server.send)
            server.on_message(lambda text: held.append((route, text)) if holding else route.send(text))

        ann.page.route_web_socket("**/ws*", through)
        page = ann.play(TASK)
        holding = True
        page.get_by_label("One SELECT, in SQLite’s dialect").fill("SELECT 1")
        page.get_by_role("button", name="Run the query").click()
        expect(page.locator("#status")).to_contain_text(re.compile(r"Still working on it: \d+ s so far"))
        page.get_by_role("button", name="Run the query").click(force=True)  # once more, as the impatient do
        for route, text in held:
            route.send(text)
        ann.wait(1)
        expect(page.locator("#status")).to_contain_text("Connected.")
        assert len(held) == 1

    def test_a_second_tab_takes_over_and_the_first_says_so(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        ann.describe(TABLE)
        session = page.evaluate("JSON.parse(sessionStorage.getItem('sqlenv.game')).session")
        # A duplicated tab has a copy of the storage.
        page.evaluate("(id) => { window.other = new WebSocket(`ws://${location.host}/ws?session_id=${id}`); }", session)
        expect(page.locator("#status")).to_contain_text("This episode went on in another tab.")
        page.get_by_role("button", name="Continue here").click()
        ann.query("SELECT 1")
        expect(page.locator("#left")).to_have_text("13")
        ann.check()


CONTRAST = """
() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !one.checkVisibility({ opacityProperty: true }) || one.closest("noscript, .sr, svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${one.tagName}.${one.className} ${ratio.toFixed(2)} ${one.textContent.slice(0, 30)}`);
  }
  return found;
}
"""

# Too small for a finger.
SMALL = """
() => [...document.querySelectorAll("button, select")].filter((one) => one.checkVisibility() && one.offsetHeight < 24)
  .map((one) => one.outerHTML.slice(0, 80))
"""

NAMELESS = """
() => [...document.querySelectorAll("button, input, select, textarea, a, summary, [role=region], nav, section, aside")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.labels?.length ||
    (one.matches("button, a, summary, section.intro") && one.textContent.trim())))
  .map((one) => one.outerHTML.slice(0, 120))
"""


class TestLooks:
    pytestmark = browsing

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast_names_and_ids(self, browser: Browser, live: LiveGateway, scheme: Any) -> None:
        with visitor(browser, live.url, color_scheme=scheme) as ann:
            page = ann.play("kennel_club-023")
            ann.describe("dog")
            ann.query("SELECT sex, NULL, char(27) FROM dog LIMIT 3")
            ann.query("SELECT nme FROM dog")
            page.locator("#log .step").first.locator(".whyworth summary").click()
            page.locator(".part").first.locator("summary").click()
            page.locator("#show").scroll_into_view_if_needed()
            page.locator("#replay-step").click()
            page.locator("#mine").scroll_into_view_if_needed()
            expect(page.locator("#board table")).to_be_visible()
            assert page.evaluate(CONTRAST) == []
            assert page.evaluate(NAMELESS) == []
            ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
            assert len(ids) == len(set(ids))
            for attribute in ("aria-labelledby", "aria-controls", "for"):
                named = page.evaluate(
                    f"[...document.querySelectorAll('[{attribute}]')].map((one) => one.getAttribute('{attribute}'))"
                )
                assert set(named) <= set(ids)
            levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((one) => Number(one.tagName[1]))")
            assert levels[0] == 1
            assert levels.count(1) == 1
            page.evaluate("scrollTo(0, 0)")
            ann.shoot(f"play-{scheme}")
            ann.shoot(f"page-{scheme}", full=True)
            ann.check()

    def test_the_theme_can_be_chosen(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        background = "getComputedStyle(document.body).backgroundColor"
        system = page.evaluate(background)
        page.get_by_role("button", name="Theme: system").click()
        page.get_by_role("button", name="Theme: light").click()
        assert page.evaluate(background) != system
        page.reload()
        expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
        assert page.evaluate(background) != system
        ann.check()

    def test_a_phone(self, browser: Browser, live: LiveGateway) -> None:
        phone = {
            "viewport": {"width": 360, "height": 740},
            "is_mobile": True,
            "has_touch": True,
            "device_scale_factor": 2,
        }
        with visitor(browser, live.url, **phone) as ann:
            page = ann.play("kennel_club-023")
            ann.shoot("phone-start")
            page.locator('.chip[data-table="dog"]').tap()
            ann.wait(1)
            ann.query("SELECT * FROM dog")
            page.locator("#show").scroll_into_view_if_needed()
            page.locator("#replay-step").tap()
            page.locator("#mine").scroll_into_view_if_needed()
            expect(page.locator("#board table")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 360
            ann.shoot("phone", full=True)
            assert page.evaluate(SMALL) == []
            ann.check()

    def test_replays(self, ann: Visitor) -> None:
        page = ann.play(TASK)
        page.locator("#show").scroll_into_view_if_needed()
        page.locator("#replay-task").select_option(index=2)
        steps = page.locator("#replay-step")
        steps.click()
        steps.click()
        expect(page.locator("#replay-count")).to_contain_text("2 of")
        expect(page.locator("#replay-sides .step")).to_have_count(4)
        page.locator("#replay-back").click()
        expect(page.locator("#replay-sides .step")).to_have_count(2)
        page.locator("#replay-pace").select_option("quick")
        page.locator("#replay-play").click()
        expect(page.locator("#replay-play")).to_have_text("Pause")
        expect(page.locator("[data-agent=oracle] .verdict")).to_contain_text("Right after")
        expect(page.locator("[data-agent=random] .verdict")).to_contain_text("Not right after", timeout=30_000)
        expect(page.locator("#replay-play")).to_have_text("Play")
        page.locator("#show").screenshot(path=SCREENSHOTS / "replay.png")
        page.locator("#replay-task").select_option(index=len(replays.TASKS))
        expect(page.locator("#replay-about")).to_contain_text("never trained on")
        for _ in range(TRAINED_MAX_STEPS):
            steps.click()
        expect(page.locator("[data-agent=before] .verdict")).not_to_contain_text("Right after")
        expect(page.locator("[data-agent=after] .verdict")).to_contain_text("Right after")
        page.locator("#show").screenshot(path=SCREENSHOTS / "trained.png")
        page.get_by_label("Keep all results open").check()
        assert page.locator("#replay-sides .folded").count() == 0
        ann.check()

    @pytest.mark.timeout(300)  # importing openenv takes seconds, and a minute on a machine that is busy
    def test_the_snippets_run_as_they_are(self, ann: Visitor, services: LiveServices, tmp_path: Path) -> None:
        page = ann.play(TASK)
        codes = dict(
            zip(
                page.locator(".snippet summary").all_inner_texts(),
                page.locator(".snippet pre").all_text_contents(),
                strict=True,
            )
        )
        assert list(codes) == ["OpenEnv", "curl", "MCP", "gRPC"]
        assert json.loads(codes["MCP"])["mcpServers"]["sqlenv"]["url"] == f"{ann.url}/mcp"
        grpc = codes["gRPC"].replace("127.0.0.1:50051", services.env)
        for command in (
            [sys.executable, "-c", codes["OpenEnv"]],
            ["bash", "-c", codes["curl"]],
            [sys.executable, "-c", grpc],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
            assert done.returncode == 0, done.stderr
            assert "incorrect" in done.stdout or "-0.0" in done.stdout, done.stdout + done.stderr
        ann.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the OpenEnv snippet").click()
        assert page.evaluate("navigator.clipboard.readText()") == codes["OpenEnv"]

    def test_small_and_soon_usable(self, browser: Browser, live: LiveGateway) -> None:
        times = []
        for _ in range(3):
            with visitor(browser, live.url) as ann:
                page = ann.visit()
                times.append(page.evaluate("performance.getEntriesByName('sqlenv-usable')[0].startTime"))
                page.wait_for_load_state("networkidle")
                sizes = {one.url: len(one.body()) for one in ann.responses}
                ann.check()
        print(f"\nfirst view: {sum(sizes.values()):,} bytes in {len(sizes)} files; usable after {min(times):.0f} ms")
        assert not any("replays" in url for url in sizes)
        assert sum(sizes.values()) < FIRST_VIEW_BYTES
        assert min(times) < 1_000
