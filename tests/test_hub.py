"""`data.hub.pull` against a stand-in for the Hub, each time in a process of its own (the library reads HF_* once)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data.archives import overlay
from data.check import check
from data.hub import KNOWN, pull
from sqlenv.errors import DataSetError
from sqlenv.tasks import load
from tests.hub_server import SHA, Hub, hub
from tests.spiders import entries, spider, write_json

pytest.importorskip("huggingface_hub", reason="pip install 'sqlenv[hub]' to test pulling")

Pull = Callable[..., tuple[int, str]]

SCRIPT = """
import json, sys
from pathlib import Path
from data import hub
from sqlenv.errors import DataSetError
hub.KNOWN.update({name: hub.Source(*source) for name, source in json.loads(sys.argv[4]).items()})
try:
    report = hub.pull(sys.argv[1], Path(sys.argv[2]), sys.argv[3] or None)
except DataSetError as error:
    sys.exit(f"refused: {error}")
print(report.tasks, len(report.dropped))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What the stand-in's only repository holds."""
    folder = spider(tmp_path / "repository")
    (folder / "README.md").write_text("not wanted", encoding="utf-8")
    return folder


@pytest.fixture
def server(repository: Path) -> Iterator[Hub]:
    """A Hub with that repository."""
    with hub(repository) as running:
        yield running


@pytest.fixture
def pull_from(server: Hub, tmp_path: Path) -> Pull:
    """Pulls in another process; gives its exit code and what it said."""

    def run(
        repo_id: str = "owner/name", revision: str = "", known: dict[str, list[str]] | None = None, **environment: str
    ) -> tuple[int, str]:
        settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            **environment,
        }
        command = [sys.executable, "-c", SCRIPT, repo_id, str(tmp_path / "out"), revision, json.dumps(known or {})]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_pull_downloads_what_is_needed_and_imports_it(pull_from: Pull, server: Hub, tmp_path: Path) -> None:
    code, said = pull_from()
    assert (code, said) == (0, "6 0\n")
    assert load(tmp_path / "out").name == "owner-name"
    assert check(tmp_path / "out") == []
    assert not any("README" in path for path in server.requests)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "out", "repository"]

    # Again: what is there is not overwritten, and the Hub is not even asked.
    before = len(server.requests)
    code, said = pull_from()
    assert code == 1
    assert "exists already" in said
    assert len(server.requests) == before


def test_pull_of_a_pinned_commit_comes_from_the_cache(pull_from: Pull, server: Hub, tmp_path: Path) -> None:
    assert pull_from(revision=SHA)[0] == 0
    shutil.rmtree(tmp_path / "out")
    server.requests.clear()
    assert pull_from(revision=SHA)[0] == 0
    assert not any("/resolve/" in path for path in server.requests)


def test_pull_of_one_folder_with_an_archive_in_an_archive(
    pull_from: Pull, repository: Path, server: Hub, tmp_path: Path
) -> None:
    """The shape of BIRD: a folder a split, the databases in an archive of their own within the archive."""
    inner = tmp_path / "dev_databases.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.write(repository / "database/south/south.sqlite", "dev_databases/south/south.sqlite")
        archive.writestr("__MACOSX/dev_databases/._south", "clutter")
    shutil.rmtree(repository)
    questions = [{**entry, "evidence": "a shop is a row"} for entry in entries("south", "SQL")]
    write_json(repository / "train" / "train.json", entries("north"))
    (repository / "validation").mkdir()
    with zipfile.ZipFile(repository / "validation" / "dev.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dev_20240627/dev.json", json.dumps(questions))
        archive.write(inner, "dev_20240627/dev_databases.zip")

    assert pull_from("bird", known={"bird": ["owner/name", "validation"]}) == (0, "3 0\n")
    task = load(tmp_path / "out").tasks[0]
    assert task.question == "How many shops are there? Hint: a shop is a row"
    assert not any("train.json" in path for path in server.requests)


def test_pull_goes_on_where_it_broke_off(pull_from: Pull, server: Hub, tmp_path: Path) -> None:
    server.breaks = {"train_spider.json"}
    code, said = pull_from()
    assert code == 1
    assert "pull again: what is there is kept" in said
    assert not (tmp_path / "out").exists()

    server.breaks = set()
    server.starts.clear()
    assert pull_from() == (0, "6 0\n")
    assert check(tmp_path / "out") == []
    assert len(server.starts) == 1  # the other files were there already


@pytest.mark.parametrize(
    ("repo_id", "revision", "expected"),
    [
        ("owner/none", "", "no such data set on the Hub, or it is private"),
        ("owner/secret", "", "no such data set on the Hub, or it is private"),
        ("owner/name", "nope", "has no revision 'nope'"),
        ("not a name", "", "is not a repository's name"),
    ],
)
def test_pull_of_what_is_not_there(pull_from: Pull, tmp_path: Path, repo_id: str, revision: str, expected: str) -> None:
    code, said = pull_from(repo_id, revision)
    assert code == 1
    assert said.startswith("refused: ")
    assert expected in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_pull_without_a_network(pull_from: Pull, tmp_path: Path) -> None:
    for code, said in (pull_from(HF_ENDPOINT="http://127.0.0.1:9"), pull_from(HF_HUB_OFFLINE="1")):
        assert code == 1
        assert "refused: owner/name" in said
        assert "`sqlenv data import DIR --out DIR` needs no network" in said
        assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_pull_of_a_repository_without_databases(pull_from: Pull, repository: Path, tmp_path: Path) -> None:
    shutil.rmtree(repository / "database")
    code, said = pull_from()
    assert code == 1
    assert "none of its 6 questions can be used" in said
    for file in repository.glob("*.json"):
        file.unlink()
    write_json(repository / "data" / "rows.json", [])
    shutil.rmtree(tmp_path / "hf")
    code, said = pull_from()
    assert code == 1
    assert "owner/name: no questions found; expected one of" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "repository"]


def test_pull_without_the_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataSetError, match=r"pip install 'sqlenv\[hub\]'"):
        pull("spider", tmp_path / "out")


def test_known_names_are_repositories_that_have_databases() -> None:
    assert KNOWN["spider"].repo_id == "premai-io/spider"
    assert KNOWN["bird"].folder == "validation"


@pytest.mark.parametrize("name", ["../evil.json", "/evil.json", "a/../../evil.json", "..\\evil.json", "c:/evil.json"])
def test_archives_can_not_write_elsewhere(tmp_path: Path, name: str) -> None:
    source, work = tmp_path / "source", tmp_path / "work"
    source.mkdir()
    work.mkdir()
    with zipfile.ZipFile(source / "bad.zip", "w") as archive:
        archive.writestr("dev.json", "[]")
        archive.writestr(name, "[]")
    with pytest.raises(DataSetError, match=r"bad\.zip: refused, it would write outside its folder"):
        overlay(source, work)
    assert [path.name for path in tmp_path.rglob("evil*")] == []


def test_archives_with_links_or_damage_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    link = zipfile.ZipInfo("dev.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(source / "bad.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    for words, content in (("a link or a device", None), ("can't be unpacked", b"PK nonsense")):
        if content:
            (source / "bad.zip").write_bytes(content)
        work = tmp_path / words
        work.mkdir()
        with pytest.raises(DataSetError, match=words):
            overlay(source, work)
