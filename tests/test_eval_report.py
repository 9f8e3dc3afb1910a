"""Reports: what they show, that nothing in them is markup, and that `datasets` loads the folder."""

from __future__ import annotations

import importlib
import json
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner, Result

from sqlenv.agents.records import from_row, messages, read_episodes, to_row
from sqlenv.agents.rollout import Trajectory
from sqlenv.cli import app
from sqlenv.cli.kept import kept_file
from sqlenv.errors import DataSetError, SqlEnvError
from sqlenv.report import write_report
from sqlenv.report.build import inert
from sqlenv.report.dataset import PARQUET
from sqlenv.report.markdown import code, escape
from sqlenv.report.pairing import sections
from sqlenv.report.write import FILES
from tests.eval_records import episode, step

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre></code></details></body>",
    '"><img src=x onerror=alert(1)>',
    "<!-- ",
    "]]>",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "`</code>` ``` | a | b |\n| --- |",
    "\\| \\\\| `|` \\`",
    "[x](javascript:alert(1)) ![x](http://x/y.png) <http://x>",
    "# heading\n- item\n\n---\n",
    "\x00\x1b[31m\u202eevil\u2066\ufeff\ud800\r\n\t\u2028",
    "{{ 7 * 7 }} ${7*7} <%= 7 %>",
    "x" * 5_000,
]


def runs(count: int = 60) -> dict[str, list[Trajectory]]:
    """Before and after: some gained, some lost."""
    before = [episode("before", i, i % 4 == 0) for i in range(count)]
    after = [episode("after", i, i % 2 == 0 and i % 12 != 0) for i in range(count)]
    return {"before": before, "after": after}


class Reader(HTMLParser):
    """Elements with their attributes, ids, links, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def ids(self) -> list[str]:
        return [str(given["id"]) for _, given in self.tags if "id" in given]

    @property
    def links(self) -> list[str]:
        return [str(given["href"]) for tag, given in self.tags if tag == "a"]


def cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    write_report(place, runs(), {"dataset": "mini", "seed": 0})
    return place


def test_the_page_reads_from_its_contents(folder: Path) -> None:
    page = Reader((folder / "report.html").read_text())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    text = "".join(page.text)
    start = text.index("Figures")
    contents = text[start : text.index("SQLEnv evaluation", start)]
    for line in ("Agents", "Differences", "By difficulty2", "By database6", "before wrong, after right15"):
        assert line in contents
    assert contents.index("before wrong, after right") < contents.index("before right, after wrong")
    assert contents.index("before right, after wrong") < contents.index("Both wrong") < contents.index("Both right")
    assert "data set mini" in text
    assert "before → after" in text
    assert "15 of 15 shown" not in text


def test_the_most_telling_come_first() -> None:
    found = {section.name: section for section in sections(runs(), limit=1_000)}
    assert list(found) == ["gained", "lost", "both_wrong", "both_right"]
    assert sum(section.total for section in found.values()) == 60
    gained = found["gained"]
    assert all(not row.played["before"].correct and row.played["after"].correct for row in gained.rows)
    assert len({row.any.db_id for row in gained.rows[:6]}) == 6  # one database after the other
    limited = sections(runs(), limit=3)[0]
    assert (len(limited.rows), limited.total) == (3, gained.total)


def test_sections_of_one_agent_and_of_failures() -> None:
    alone = [episode("a", 0, True), episode("a", 1, False), episode("a", 2, False, failed="HTTP 500")]
    assert [(section.name, section.total) for section in sections({"a": alone})] == [
        ("wrong", 1),
        ("right", 1),
        ("failed", 1),
    ]
    three = {"x": alone, **runs(3)}
    assert {name for section in sections(three) for row in section.rows for name in row.played} == set(three)


def test_nothing_of_strangers_is_markup(tmp_path: Path) -> None:
    played = {}
    for name, right in (("be<b>fore`|", False), ("a&fter\u202e", True)):
        played[name] = [
            episode(
                name,
                i,
                right,
                question=text,
                prompt=text,
                reason=text,
                db_id=text,
                difficulty=text,
                steps=[step(f"QUERY {text}", text), step(text, text)],
            )
            for i, text in enumerate(HOSTILE)
        ]
    write_report(tmp_path, played, {"dataset": HOSTILE[0], "seed": 0})
    raw = (tmp_path / "report.html").read_text()
    page = Reader(raw)
    allowed = (
        "html head meta title style body div nav strong ol li a span main h1 h2 p section svg line circle text table"
    )
    allowed += " thead tbody tr th td i b details summary pre code header footer"
    assert {tag for tag, _ in page.tags} <= set(allowed.split())
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("src", "srcset", "xlink:href") for name in attributes)
    assert all(link.startswith("#") for link in page.links)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert not set("\x00\x1b\u202e\u2066\ufeff\u2028") & set(raw)
    assert "default-src 'none'" in raw

    text = (tmp_path / "report.md").read_text()
    assert not set("\x00\x1b\u202e\u2066\ufeff\u2028") & set(text)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or []]
    assert {token.type for token in tokens if "html" in token.type} == set()
    assert {child.content for child in inline if child.type == "html_inline"} <= {"<br>"}
    assert not [child for child in inline if child.type in ("link_open", "image")]
    steps = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert steps
    for row in steps:
        cells = MarkdownIt().enable("table").parse(f"| a | b | c |\n|-|-|-|\n{row}")
        assert sum(token.type == "td_open" for token in cells) == 3


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("`|\\ab<&*_ \n"), max_size=12))
def test_code_stays_in_its_cell_and_is_code(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| a | b |\n|-|-|\n| {code(text)} | {escape(text)} |")
    cells = [tokens[i + 1] for i, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    children = cells[0].children or []
    assert [child.type for child in children] in ([], ["code_inline"])
    plain = "".join(child.content for child in cells[1].children or [] if child.type in ("text", "text_special"))
    assert plain == " ".join(inert(text).split())
    assert {child.type for child in cells[1].children or []} <= {"text", "text_special"}


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_inert_text_has_nothing_to_hide(text: str) -> None:
    inert(text).encode()
    assert inert(inert(text)) == inert(text)


# The data set


def test_rows_come_back(folder: Path) -> None:
    wrote = runs()["before"][0]
    assert from_row(json.loads(json.dumps(to_row(wrote)))) == wrote
    assert from_row(json.loads(wrote.to_json())) == wrote
    assert [one.agent for one in read_episodes(folder / "episodes.jsonl")] == ["before"] * 60 + ["after"] * 60
    said = messages(wrote)
    assert [one["role"] for one in said] == ["user", "assistant", "user", "assistant"]


def test_the_card_says_what_to_load(folder: Path) -> None:
    head = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    (config,) = head["configs"]
    assert (folder / config["data_files"][0]["path"]).is_file()
    assert head["size_categories"] == ["n<1K"]


@pytest.mark.skipif(find_spec("datasets") is None, reason="needs the train extra")
@pytest.mark.filterwarnings("default")
def test_datasets_loads_the_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets: Any = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["test"]
    rows = loaded["test"]
    assert len(rows) == 120
    assert rows[0]["agent"] == "before"
    assert rows[0]["messages"][0]["role"] == "user"
    assert from_row(rows[0]) == runs()["before"][0]
    lines = datasets.load_dataset("json", data_files=str(folder / "episodes.jsonl"), cache_dir=str(tmp_path / "lines"))
    assert lines["train"][119] == rows[119]


def test_without_pyarrow_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    wrote = write_report(tmp_path, runs())
    assert "episodes.parquet" not in {path.name for path in wrote}
    head = yaml.safe_load((tmp_path / "README.md").read_text().split("---")[1])
    assert head["configs"][0]["data_files"][0]["path"] == "episodes.jsonl"
    done = cli("report", tmp_path / "episodes.jsonl", "--out", tmp_path / "again")
    assert done.exit_code == 0
    assert "episodes.parquet was left out: it needs pyarrow" in done.stderr


# The command


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """As a training run writes them: every policy is called "policy"."""
    paths = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    for path, records in zip(paths, runs().values(), strict=True):
        for record in records:
            record.agent = "policy"
        path.write_text("".join(f"{record.to_json()}\n" for record in records))
    return paths


def test_report_from_files(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = cli("report", *files, "--out", tmp_path / "one")
    assert done.exit_code == 0, done.output
    files_here = {name for name in FILES if name != PARQUET or find_spec("pyarrow")}
    assert {path.name for path in (tmp_path / "one").iterdir()} == files_here
    assert ("it needs pyarrow" in done.stderr) == (PARQUET not in files_here)
    figures = json.loads((tmp_path / "one" / "summary.json").read_text())
    assert list(figures["agents"]) == ["before", "after"]
    # Its own rows make the same report again, byte for byte.
    assert cli("report", tmp_path / "one" / "episodes.jsonl", "--out", tmp_path / "two").exit_code == 0
    for name in files_here:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    named = cli("report", f"old={files[0]}", f"new={files[1]}", "--out", tmp_path / "three", "--transcripts", 1)
    assert named.exit_code == 0
    assert "old wrong, new right" in (tmp_path / "three" / "report.md").read_text()


def test_report_takes_greedy_and_sampled_episodes_of_one_agent(files: tuple[Path, Path], tmp_path: Path) -> None:
    drawn = tmp_path / "sampled.jsonl"
    records = [episode("policy", i, i % 3 == 0, sample=1, temperature=1.0) for i in range(60)]
    drawn.write_text("".join(f"{record.to_json()}\n" for record in records))
    done = cli("report", f"a={files[0]}", f"a={drawn}", f"b={files[1]}", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "out" / "summary.json").read_text())["agents"]
    assert figures["a"]["sampled"]["accuracy"] == pytest.approx(1 / 3)
    assert figures["b"]["sampled"] is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Rings are the mean accuracy of sampled episodes" in page
    assert "pass@1 0.333" in page


def test_greedy_beside_sampled_and_those_that_share_nothing(tmp_path: Path) -> None:
    before = [episode("before", i, i % 2 == 0) for i in range(60)]
    after = [episode("after", i, True, sample=s, temperature=None) for i in range(60) for s in (1, 2)]
    other = [episode("other", i, True, seed=7) for i in range(60)]
    found = {section.name: section.total for section in sections({"before": before, "after": after})}
    assert found == {"gained": 30, "both_right": 30}
    write_report(tmp_path / "out", {"before": before, "after": after, "other": other}, {"models": {"after": "m|<b>"}})
    page = "".join(Reader((tmp_path / "out" / "report.html").read_text()).text)
    text = (tmp_path / "out" / "report.md").read_text()
    for words in (page, text.replace("\\", "")):
        assert "before → after" in words
        assert "after and other have no episode in common, and so are not compared." in words
        assert "sampled at the endpoint" in words or "after" in words
        assert "after: m|<b>" in words


def test_a_failure_of_an_agent_that_is_not_shown_moves_nothing() -> None:
    first = [episode("first", i, False, failed="HTTP 500", state="failed") for i in range(60)]
    assert [(one.name, one.total) for one in sections({"first": first, **runs()})] == [
        (one.name, one.total) for one in sections(runs())
    ]


def test_report_says_which_of_its_files_it_reads(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_report(tmp_path / "out", runs())
    done = cli("report", tmp_path / "out" / "episodes.parquet", "--out", tmp_path / "again")
    assert done.exit_code == 1
    assert "read from JSON lines, which a report has in episodes.jsonl" in " ".join(done.stderr.split())


def test_report_refuses(files: tuple[Path, Path], tmp_path: Path) -> None:
    place = tmp_path / "there"
    assert cli("report", *files, "--out", place).exit_code == 0
    again = cli("report", *files, "--out", place)
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    assert cli("report", *files, "--out", place, "--force").exit_code == 0
    assert (
        "two agents would be called 'x'" in cli("report", f"x={files[0]}", f"x={files[1]}", "--out", place / "b").stderr
    )
    assert "no such file of episodes" in cli("report", tmp_path / "none.jsonl", "--out", place / "b").stderr
    with pytest.raises(SqlEnvError, match="is a file"):
        write_report(files[0], runs())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no episodes"),
        ("{", ":1: no episode"),
        ("[]", ":1: no episode (no JSON object)"),
        ('{"agent": "a"}', ":1: no episode (task_id: "),
        ("\n\n" + episode("a", 1, True).to_json().replace('"seed": 0', '"seed": "x"'), ":3: no episode (seed: "),
        (json.dumps({"steps": [{"terms": [1]}]}), ":1: no episode"),
    ],
)
def test_files_that_hold_no_episodes(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(DataSetError) as raised:
        read_episodes(path)
    assert words in str(raised.value)


def test_what_was_stopped_is_kept_and_nothing_of_before_is_lost(tmp_path: Path) -> None:
    def stopped(*lines: str) -> None:
        with kept_file(tmp_path / "x.jsonl", force=False) as write:
            for line in lines:
                write(line)
            raise KeyboardInterrupt

    for lines in (["1"], ["2"], [], ["3"]):
        with pytest.raises(KeyboardInterrupt):
            stopped(*lines)
    with kept_file(tmp_path / "x.jsonl", force=False) as write:
        write("whole")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {
        "x.partial.jsonl": "1\n",
        "x.partial-2.jsonl": "2\n",
        "x.partial-3.jsonl": "3\n",
        "x.jsonl": "whole\n",
    }


def test_help_of_report() -> None:
    done = cli("report", "--help")
    assert "Example: sqlenv report before.jsonl after.jsonl --out report" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
