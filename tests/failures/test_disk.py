"""A disk that is full, read-only or gone, and data set files that change underneath."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import pytest

from reward_service.instances import Suite
from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import DataSetError, ServiceError, Unavailable, VersionMismatch
from sqlenv.gold import load_gold
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.tasks import BUNDLED, database_path, load
from tests.failures.players import PLAYERS, at_once, count_to, make_scripts
from tests.live import LiveServices, process

ONCE = Retry(patience_s=0)
TASK, OTHER_TASK = "campus_pets-001", "car_market-001"


@contextmanager
def without_a_disk(module: str, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service that can't write a byte to any file: not to its folder, its home, a temporary one, or its log."""
    prefix = {"env_service": "SQLENV_ENV_", "reward_service": "SQLENV_REWARD_"}[module]
    nowhere = {
        "HOME": "/nonexistent",
        "TMPDIR": "/nonexistent",
        "TEMP": "/nonexistent",
        "XDG_CACHE_HOME": "/nonexistent",
    }
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, **nowhere, "PYTHONPATH": root}
    environment |= {prefix + name.upper(): str(value) for name, value in settings.items()}
    with open("/dev/full", "w") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd="/proc/self",  # no file can be made here, whoever one is
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        )
    assert child.stdout is not None
    with child.stdout:
        try:
            line = child.stdout.readline()
            assert line, f"{module} ended with {child.wait(10)}"
            yield child, json.loads(line)["address"]
        finally:
            child.kill()
            child.wait()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_the_services_need_no_disk_to_write_to() -> None:
    scripts = make_scripts(4, seed=3)
    with LiveServices(query_wall_ms=20_000) as live:
        expected = PLAYERS["unary"](live.env, scripts, at_once)
    with ExitStack() as stack:
        reward, address = stack.enter_context(without_a_disk("reward_service", port=0, log_level="debug"))
        env, target = stack.enter_context(
            without_a_disk("env_service", port=0, reward_target=address, log_level="debug", query_wall_ms=20_000)
        )
        for player in ("unary", "asyncio batch over play"):
            played = PLAYERS[player](target, scripts, at_once)
            assert [one.steps for one in played] == [one.steps for one in expected]
        with SqlEnvClient(target) as client:  # a sort that SQLite would like to put into a temporary file
            sort = "SELECT a.first_name, b.last_name FROM student a, student b ORDER BY b.gpa, a.gpa, 1, 2 LIMIT 3"
            assert client.reset(task_id=TASK, seed=0).query(sort).observation.HasField("result")
        for child in (reward, env):
            assert child.poll() is None
            assert not writable_files(child.pid)
            assert ".sqlite" not in Path(f"/proc/{child.pid}/maps").read_text()  # not mapped: no SIGBUS when it shrinks
            child.terminate()
            assert child.wait(15) == 0


def writable_files(pid: int) -> list[str]:
    """Regular files that a process has open for writing."""
    found = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        target = os.readlink(entry.path)
        flags = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
        mode = int(next(line for line in flags.splitlines() if line.startswith("flags")).split()[1], 8)
        if mode & (os.O_WRONLY | os.O_RDWR) and Path(target).is_file():
            found.append(target)
    return found


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A copy of the bundled data set."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "set"))


@pytest.fixture
def target(tmp_path: Path, dataset: Path) -> Iterator[str]:
    """Both services as processes on the copy."""
    with process("reward_service", unix_socket=tmp_path / "r.sock", dataset_dir=dataset) as (reward_child, reward):
        with process("env_service", port=0, dataset_dir=dataset, reward_target=reward) as (env_child, address):
            yield address
            assert (reward_child.poll(), env_child.poll()) == (None, None)  # nothing that happened here crashed them


def change(path: Path) -> None:
    """Another content: no pets at all."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = OFF; DELETE FROM pet")
    connection.close()


def count(episode: Episode, number: int) -> int | str:
    """The pets as a query tells them, another query each time; or the reason of the error."""
    try:
        result = episode.query(f"SELECT count(*), {number} FROM pet")
    except Unavailable as error:
        return error.reason
    assert result.observation.HasField("result"), result.observation
    return int(result.observation.result.rows[0].values[0].integer)


@pytest.mark.parametrize("removed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_file_that_is_replaced_is_served_as_it_was_or_not_at_all(dataset: Path, target: str, removed: bool) -> None:
    path = database_path(dataset, "campus_pets")
    with SqlEnvClient(target, retry=ONCE) as client:
        episodes = [client.reset(task_id=TASK, seed=i) for i in range(4)]
        right = count(episodes[0], 0)
        assert isinstance(right, int)
        assert right > 0
        if removed:
            path.unlink()
        else:
            new = path.with_suffix(".new")
            shutil.copy(path, new)
            change(new)
            os.replace(new, path)
        for number in range(1, 6):
            assert count(episodes[1], number) == right  # over the connection that is open
        # A long query has to open one: it must not see the new file.
        with pytest.raises(Unavailable) as caught:
            episodes[2].step(count_to(400_000))
        assert caught.value.reason == "DATASET_CHANGED"
        assert client.get_episode(episodes[2].log.episode_id).next_step_index == 0
        answered = episodes[3].answer(sql=load_gold(BUNDLED)[TASK].sql)  # judged on the old one too
        assert answered.score.total > 1
        other = client.reset(task_id=OTHER_TASK, seed=0)
        assert other.step(count_to(400_000)).observation.HasField("result")


@pytest.mark.parametrize(
    "how", ["changed", *(pytest.param(how, marks=pytest.mark.slow) for how in ("half", "nothing", "noise"))]
)
def test_a_file_that_is_written_to_is_not_served_any_more(dataset: Path, target: str, how: str) -> None:
    path = database_path(dataset, "campus_pets")
    size = path.stat().st_size
    with SqlEnvClient(target, retry=ONCE) as client:
        episodes = [client.reset(task_id=TASK, seed=i) for i in range(2)]
        assert isinstance(count(episodes[0], 0), int)
        if how == "changed":
            change(path)
        elif how == "noise":
            with path.open("r+b") as stream:
                stream.seek(4096)
                stream.write(os.urandom(size - 4096))
        else:
            os.truncate(path, size // 2 if how == "half" else 0)
        for number in range(1, 4):
            assert count(episodes[0], number) == "DATASET_CHANGED"
            with pytest.raises(Unavailable):
                episodes[1].step(count_to(400_000 + number))
        assert client.get_episode(episodes[0].log.episode_id).next_step_index == 1
        other = client.reset(task_id=OTHER_TASK, seed=0)
        assert other.query("SELECT 1").observation.step_count == 1


def test_an_episode_does_not_go_on_on_another_version_of_the_data_set(tmp_path: Path, dataset: Path) -> None:
    with (
        SqlEnvClient("127.0.0.1:1", retry=ONCE) as nobody,
        LiveServices(dataset) as live,
        SqlEnvClient(live.env) as old,
    ):
        log = old.reset(task_id=TASK, seed=0).log
        assert nobody is not None
    change(database_path(dataset, "campus_pets"))
    with LiveServices(dataset) as live, SqlEnvClient(live.env) as new, pytest.raises(VersionMismatch):
        Episode(new, log).query("SELECT 1")


def test_what_changes_between_reading_and_opening_is_noticed(dataset: Path) -> None:
    data = load(dataset)
    data.check_files()
    change(database_path(dataset, "campus_pets"))
    with pytest.raises(DataSetError, match=r"campus_pets\.sqlite: changed while it was being opened"):
        data.check_files()


def test_an_instance_suite_that_is_replaced_is_not_mixed_with_the_old_one(dataset: Path) -> None:
    suite = Suite.find(dataset, Limits(), 8)
    assert suite is not None
    suite.sandbox("campus_pets", 0).run("SELECT 1")
    archive = dataset / "instances" / "car_market.zip"
    archive.write_bytes((dataset / "instances" / "campus_pets.zip").read_bytes())
    with pytest.raises(Unavailable) as caught:
        suite.sandbox("car_market", 0)
    assert caught.value.reason == "DATASET_CHANGED"
    assert isinstance(caught.value, ServiceError)
    suite.close()


def test_files_are_not_mapped_into_memory() -> None:
    sandbox = Sandbox(database_path(BUNDLED, "campus_pets"))
    with sandbox._connection() as connection:
        connection.db.authorizer = None
        assert connection.db.pragma("mmap_size") == 0
    sandbox.close()
