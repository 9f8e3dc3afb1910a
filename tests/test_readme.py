"""Every command and every snippet of the README works as it is written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateways import LiveGateway
from tests.live import LiveServices

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SQLENV = Path(sys.executable).with_name("sqlenv")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    """What stands behind a `$` in a console block, and the commands of the table."""
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    listed = re.findall(r"^\| `(sqlenv [^`]+)` \|", README, re.MULTILINE)
    return [line[2:].split("  #")[0].strip() for line in lines] + listed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place that looks as the README says: my-folder with a database and a question, and a file of predictions."""
    path = tmp_path_factory.mktemp("readme")
    (path / "my-folder" / "database" / "shop").mkdir(parents=True)
    with sqlite3.connect(path / "my-folder" / "database" / "shop" / "shop.sqlite") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT NOT NULL)")
        shop.executemany("INSERT INTO orders (day) VALUES (?)", [(f"202{n % 4 + 1}-05-0{n}",) for n in range(1, 10)])
    shop.close()
    sql = "SELECT count(*) FROM orders WHERE day LIKE '2024%'"
    question = f'{{"db_id": "shop", "question": "How many orders were there in 2024?", "sql": "{sql}"}}'
    (path / "my-folder" / "questions.jsonl").write_text(question + "\n")
    prediction = '{"task_id": "campus_pets-001", "sql": "SELECT count(*) FROM pet"}'
    (path / "preds.jsonl").write_text(prediction + "\n")
    return path


def run(command: str, folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "100"}
    return subprocess.run(
        [str(SQLENV), *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, **options
    )


def test_the_readme_names_the_commands_that_this_file_runs() -> None:
    make = [command for command in commands() if command.startswith("make")]
    assert make == ["make demo", "make test"]  # run by .ci/run as they stand
    ci = (ROOT / ".ci" / "run").read_text()
    assert "\nmake demo\n" in ci
    assert "\nmake test-all\n" in ci
    assert {command.split()[1] for command in commands() if command.startswith("sqlenv")} == {
        "up",
        "gateway",
        "token",
        "play",
        "eval",
        "score",
        "data",
        "doctor",
    }


def test_make_targets_named_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        for named in re.findall(r"`?make ([a-z -]+?)[`\s]*(?:#|$|`)", (ROOT / name).read_text(), re.MULTILINE):
            assert set(named.split()) <= targets, named


def test_files_named_in_the_readme_exist() -> None:
    for named in re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.[a-z]+)`", README) + re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("sqlenv")])
def test_command(command: str, folder: Path) -> None:
    if " up" in command or " gateway" in command:
        serve_until_interrupted(command, folder)
        return
    if "my-set" in command and " import " not in command:
        own_set(folder)
    if "play" in command:
        done = run(f"{command} --seed 1", folder, input="DESCRIBE pet\nANSWER 42\n")
    elif " eval " in command:
        done = run(f"{command} --episodes 20", folder)
    else:
        if " import " in command:
            shutil.rmtree(folder / "my-set", ignore_errors=True)
        done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def own_set(folder: Path) -> None:
    """The data set of an earlier command, which another process may have run."""
    if not (folder / "my-set").exists():
        assert run("sqlenv data import my-folder --out my-set", folder).returncode == 0


def serve_until_interrupted(command: str, folder: Path) -> None:
    if "my-set" in command:
        own_set(folder)
    words = [str(SQLENV), *shlex.split(command)[1:], "--port", "0"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as served:
        assert served.stdout is not None
        seen = ""
        for line in served.stdout:
            seen += line
            if "127.0.0.1:" in line:
                break
        served.send_signal(signal.SIGINT)
        seen += served.stdout.read()
        assert served.wait(20) == 0, seen


def test_the_python_snippets(services: LiveServices) -> None:
    episode, openenv, reward = blocks("python")
    assert '"127.0.0.1:50051"' in episode
    assert '"127.0.0.1:50052"' in reward
    assert '"http://127.0.0.1:8000"' in openenv
    printed = []
    with LiveGateway(services.env, services.reward) as gateway:
        codes = [
            snippet.replace("127.0.0.1:50051", services.env)
            .replace("127.0.0.1:50052", services.reward)
            .replace("http://127.0.0.1:8000", gateway.url)
            for snippet in (episode, openenv, reward)
        ]
        for code in codes:
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
    assert "Question:" in printed[0]
    assert "True -0.005" in printed[0]
    assert "(1 row)" in printed[1]
    assert printed[2].strip() == "[0.0]"
