"""The images, built and run by a Docker engine: sizes, layers, users, read-only file systems, and episodes played.

Slow, and skipped where no engine answers: `eval "$(.ci/docker-engine)"` gives one. Figures go to build/images.json.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openenv.cli.commands.validate import _render_report
from openenv.validation.providers.docker import DockerValidationProvider
from openenv.validation.runner import run_validation
from openenv.validation.types import CheckStatus, Level

from gateway.space import stage
from sqlenv import SqlEnvClient
from sqlenv.gold import answer_text, load_gold
from sqlenv.tasks import BUNDLED, load

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "build" / "images.json"
BASE = "python:3.11-slim"
TARGETS = ("env", "reward", "gateway", "space")
MB = 2**20


def docker(*words: str, check: bool = True, timeout: float = 900) -> str:
    done = subprocess.run(["docker", *words], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_500),
    pytest.mark.xdist_group("docker"),
    pytest.mark.skipif(not engine(), reason="no Docker engine answers"),
]


@pytest.fixture(scope="module")
def images() -> dict[str, str]:
    """All images by target."""
    for target in TARGETS:
        docker("build", "-q", "--target", target, "-t", f"sqlenv-{target}:test", ".")
    return {target: f"sqlenv-{target}:test" for target in TARGETS}


@contextmanager
def torch_index(folder: Path) -> Iterator[str]:
    """An index that has torch's CPU build: TORCH_INDEX, or what pip finds on this machine, served from `folder`."""
    if os.environ.get("TORCH_INDEX"):
        yield os.environ["TORCH_INDEX"]
        return
    if not _torch_wheel(folder / "torch"):
        pytest.skip("pip finds no CPU build of torch; name an index that has one: TORCH_INDEX")
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _torch_wheel(folder: Path) -> bool:
    """Puts the CPU build that pip would install here into `folder`; False where it would be another."""
    pip = [sys.executable, "-m", "pip"]
    what = ["--quiet", "--no-deps", "--only-binary=:all:", "-c", "constraints.txt", "torch"]
    plan = [*pip, "install", "--dry-run", "--ignore-installed", "--report", "-", *what]
    found = subprocess.run(plan, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    if found.returncode != 0 or "+cpu" not in json.loads(found.stdout)["install"][0]["metadata"]["version"]:
        return False
    subprocess.run([*pip, "download", "-d", str(folder), *what], cwd=ROOT, check=True, timeout=300)
    return True


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *words: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The trainer's image, with torch's CPU build."""
    start = time.monotonic()
    with torch_index(tmp_path_factory.mktemp("index")) as index:
        arguments = ("--build-arg", f"TORCH_INDEX={index}", "--build-arg", "GIT_REVISION=abc")
        docker("build", "-q", "--network", "host", "--target", "trainer", *arguments, "-t", "sqlenv-trainer:test", ".")
    note(
        trainer={
            "build_s": round(time.monotonic() - start),
            "mb_beyond_base": round((size("sqlenv-trainer:test") - size(BASE)) / MB),
        }
    )
    return "sqlenv-trainer:test"


def note(**figures: object) -> None:
    """Keeps figures for whoever reads them."""
    found = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(found | figures, indent=1) + "\n")
    print(figures)


def get(url: str, body: Any = None, timeout: float = 10) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (OSError, ValueError):
        return 0, None


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """Waits until `what` holds; gives the seconds that it took."""
    start = time.monotonic()
    while not what():
        assert time.monotonic() - start < seconds, "waited in vain"
        time.sleep(0.1)
    return time.monotonic() - start


def ready(url: str) -> bool:
    return get(f"{url}/ready")[0] == 200


def play_over_http(url: str) -> None:
    """A whole episode, answered right."""
    task = load(BUNDLED).tasks[0]
    gold = load_gold(BUNDLED)[task.task_id]
    episode = uuid.uuid4().hex
    code, reply = get(f"{url}/reset", {"task_id": task.task_id, "episode_id": episode})
    assert code == 200, reply
    for action in (
        {"tool": "query", "sql": gold.sql},
        {"tool": "answer", "value": answer_text(gold.rows, task.answer_type)},
    ):
        code, reply = get(f"{url}/step", {"action": action, "episode_id": episode})
        assert code == 200, reply
    assert reply["done"] is True
    assert reply["reward"] > 1


@contextmanager
def container(image: str, *words: str) -> Iterator[str]:
    name = f"sqlenv-test-{uuid.uuid4().hex[:8]}"
    docker("run", "-d", "--name", name, *words, image)
    try:
        yield name
    finally:
        docker("rm", "-f", name, check=False)


def published(name: str, port: int) -> str:
    return "http://" + docker("port", name, f"{port}/tcp").splitlines()[0]


def size(image: str) -> int:
    return int(docker("image", "inspect", "-f", "{{.Size}}", image))


def test_sizes(images: dict[str, str]) -> None:
    base = size(BASE)
    beyond = {target: round((size(image) - base) / MB) for target, image in images.items()}
    note(mb_beyond_base=beyond)
    assert beyond["space"] < 300


def test_no_layer_of_the_env_image_holds_gold(images: dict[str, str], tmp_path: Path) -> None:
    golds = [gold.sql.encode() for gold in list(load_gold(BUNDLED).values())[::40]]
    archive = tmp_path / "env.tar"
    docker("save", "-o", str(archive), images["env"])
    layers, names = 0, []
    with tarfile.open(archive) as image:
        for member in image:
            stream = image.extractfile(member)
            if stream is None or not member.size:
                continue
            content = stream.read()
            assert not any(gold in content for gold in golds), member.name  # layers are not compressed here
            if member.name.endswith("layer.tar") or "blobs" in member.name:
                try:
                    with tarfile.open(fileobj=io.BytesIO(content)) as layer:
                        names += layer.getnames()
                        layers += 1
                except tarfile.ReadError:
                    continue  # the image's configuration
    assert layers >= 3
    assert any(name.endswith("tasks.jsonl") for name in names)
    assert not [name for name in names if name.endswith(("gold.jsonl", "questions.toml")) or "/instances" in name]
    assert not [name for name in names if "reward_service" in name]


@pytest.mark.parametrize("user", ["1000:1000", "65532:65532"])
def test_the_space_runs_read_only_without_capabilities(images: dict[str, str], user: str) -> None:
    limits = ("--user", user, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--cpus", "2", "--memory", "1g")
    start = time.monotonic()
    with container(images["space"], *limits, "--pids-limit", "256", "-p", "127.0.0.1::8000") as name:
        url = published(name, 8000)
        wait_for(lambda: ready(url), 30)
        cold = time.monotonic() - start
        wait_for(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", name) == "healthy", 60)
        used = memory(name)
        play_over_http(url)
        note(**{f"space as {user}": {"cold_start_s": round(cold, 1), "memory_at_rest_mb": round(used)}})
        assert cold < 10
        assert used < 400
        before = time.monotonic()
        docker("stop", "-t", "20", name)
        assert time.monotonic() - before < 15
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name) == "0"
        logs = docker("logs", name)
        assert "Traceback" not in logs
        assert "environment" in logs


def memory(name: str) -> float:
    """Memory of a container in MiB, without the page cache."""
    text = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", name).split("/")[0].strip()
    number = float("".join(sign for sign in text if sign.isdigit() or sign == "."))
    return number * {"GiB": 1024, "MiB": 1, "KiB": 1 / 1024}.get(text.lstrip("0123456789."), 1)


def test_on_a_space_the_port_is_7860(images: dict[str, str]) -> None:
    with container(images["space"], "-e", "SPACE_ID=you/sqlenv", "-p", "127.0.0.1::7860") as name:
        wait_for(lambda: ready(published(name, 7860)), 30)


def test_a_service_that_dies_is_restarted_and_ready_tells(images: dict[str, str]) -> None:
    with container(images["space"], "-p", "127.0.0.1::8000") as name:
        url = published(name, 8000)
        wait_for(lambda: ready(url), 30)
        for module in ("env_service", "reward_service"):
            docker("exec", name, "python", "-c", KILL, module)
            wait_for(lambda: not ready(url), 5)
            code, why = get(f"{url}/ready")
            assert code in (200, 503)  # it may be back by now
            assert code == 200 or why
            wait_for(lambda: ready(url), 30)
            assert get(f"{url}/health")[0] == 200
        play_over_http(url)


KILL = """
import os, pathlib, signal, sys
for path in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (path / "cmdline").read_bytes().split(b"\\0")
    except OSError:
        continue
    if words[1:3] == [b"-m", sys.argv[1].encode()]:
        os.kill(int(path.name), signal.SIGKILL)
"""


def test_compose_up_plays_over_http_and_grpc_and_goes_down_clean(images: dict[str, str]) -> None:
    project = f"sqlenv{uuid.uuid4().hex[:6]}"
    files = ["-f", "docker-compose.yml", "-f", "docker-compose.grpc.yml"]
    environment = {**os.environ, "SQLENV_TAG": "test", "GATEWAY_PORT": "18000", "GRPC_PORT": "18051"}
    compose = ["docker-compose", "-p", project, *files]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*compose, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    try:
        start = time.monotonic()
        run("up", "-d", "--no-build")
        wait_for(lambda: ready("http://127.0.0.1:18000"), 60)
        note(compose_up_to_ready_s=round(time.monotonic() - start, 1))
        play_over_http("http://127.0.0.1:18000")
        with SqlEnvClient("127.0.0.1:18051") as client, client.reset(seed=0) as episode:
            assert episode.query("SELECT 1").observation.step_count == 1
        note(compose_memory_mb=memories(project))
    finally:
        run("down", "-v", "--timeout", "20")
    assert docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={project}") == ""
    assert docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={project}") == ""


def test_three_environment_services_behind_one_gateway(images: dict[str, str]) -> None:
    project = f"sqlenv{uuid.uuid4().hex[:6]}"
    environment = {**os.environ, "SQLENV_TAG": "test", "GATEWAY_PORT": "18001"}

    def run(*words: str) -> str:
        command = ["docker-compose", "-p", project, *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    try:
        run("up", "-d", "--no-build", "--scale", "env=3")
        wait_for(lambda: ready("http://127.0.0.1:18001"), 60)
        for _ in range(6):
            play_over_http("http://127.0.0.1:18001")
        replica = docker("ps", "-q", "--filter", f"name={project}.env.1").splitlines()[0]
        docker("kill", replica)
        for _ in range(6):
            play_over_http("http://127.0.0.1:18001")
    finally:
        run("down", "-v", "--timeout", "20")


SHORT_RUN = ("run", "smoke", "evaluation.episodes=6", "grpo.steps=1", "report_to=[]", "--out", "runs/one")


@pytest.fixture
def volume() -> Iterator[str]:
    """A volume, as Docker makes it."""
    name = docker("volume", "create")
    yield name
    docker("volume", "rm", "-f", name, check=False)


def test_the_trainer_trains_read_only_into_a_volume_and_goes_on(trainer: str, volume: str) -> None:
    hardened = (
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--cap-drop",
        "ALL",
        "--network",
        "none",
        "-v",
        f"{volume}:/work/runs",
    )
    table = docker("run", "--rm", *hardened, trainer, *SHORT_RUN)
    assert all(name in table for name in ("random", "explorer", "skills", "habits", "grpo", "95% interval"))
    look = ("run", "--rm", "-v", f"{volume}:/work/runs", "--entrypoint", "cat", trainer)
    assert json.loads(docker(*look, "runs/one/run.json"))["git"] == "abc"
    assert docker(*look, "runs/one/curve.svg").startswith("<?xml")
    assert "grpo" in docker("run", "--rm", *hardened, trainer, *SHORT_RUN, "--resume")


def test_the_trainer_plays_on_the_services_of_compose(images: dict[str, str], trainer: str) -> None:
    project = f"sqlenv{uuid.uuid4().hex[:6]}"
    environment = {**os.environ, "SQLENV_TAG": "test"}

    def run(*words: str) -> None:
        command = ["docker-compose", "-p", project, *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    services = ("services.worlds=null", "services.address=env:50051", "services.gold=/app/data/bundled")
    try:
        run("up", "-d", "--no-build", "reward", "env")
        words = ("--network", f"{project}_private", trainer, *SHORT_RUN, *services, "limits.completion_tokens=2000")
        table = docker("run", "--rm", *words)
        assert "grpo" in table
    finally:
        run("down", "-v", "--timeout", "20")


def memories(project: str) -> dict[str, int]:
    names = docker("ps", "--filter", f"label=com.docker.compose.project={project}", "--format", "{{.Names}}").split()
    return {name.removeprefix(project).strip("_-"): round(memory(name)) for name in names}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the validator's own use of websockets
def test_openenv_validates_the_image_that_it_builds(images: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "sqlenv"
    stage(folder)
    provider = DockerValidationProvider(build_timeout_s=900)
    # The validator's own helper is pulled by its digest; where no image can be pulled, the base image serves as well.
    provider.helper_image = BASE
    report = run_validation(folder, max_level=Level.RUNTIME, provider=provider)
    print(_render_report(report))
    found = {result.check_id: result.status for result in report.results}
    assert not {CheckStatus.FAIL, CheckStatus.ERROR} & set(found.values())
    for check in ("startup", "reward_well_formed", "observation_schema", "state_contract", "network_policy"):
        assert found[f"runtime.{check}"] is CheckStatus.PASS, check
