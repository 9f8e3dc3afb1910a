"""Several seeds at once: each is the run it would be by itself; one that fails or is stopped can go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from sqlenv.errors import ConfigError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.timeout(900),
]

SHORT = [
    "services.worlds.train_databases=4",
    "services.worlds.eval_questions=5",
    "evaluation.baselines=false",
    "report_to=[]",
    "grpo.steps=2",
    "threads=1",
]


def command(out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "sqlenv.cli", "train", "run", "smoke", *SHORT, *options, "--out", str(out)]


def train(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "140"}
    return subprocess.run(command(out, *options), capture_output=True, text=True, timeout=800, env=environment)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds, run at once."""
    out = tmp_path_factory.mktemp("seeds") / "both"
    done = train(out, "--seeds", "0,1", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "seed 0: grpo 2/2" in done.stderr
    assert "seed 1: grpo 2/2" in done.stderr
    assert [row.split()[:2] for row in done.stdout.splitlines() if row.startswith("grpo")] == [
        ["grpo", "seed0"],
        ["grpo", "seed1"],
        ["grpo", "mean"],
    ]
    assert (out / "curve.png").is_file()
    return out


def figures(run: Path) -> object:
    """What a run came to, without its times."""
    found = json.loads((run / "summary.json").read_text())["figures"]
    return {name: {**one, "seconds": 0} for name, one in found.items()}


def test_a_seed_beside_others_is_the_run_that_it_is_alone(both: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "alone", "seed=1").returncode == 0
    assert figures(tmp_path / "alone") == figures(both / "seed1")
    assert figures(both / "seed0") != figures(both / "seed1")


def test_what_has_ended_is_left_alone_and_what_has_not_goes_on(both: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    shutil.copytree(both, out)
    for name in ("grpo/done.json", "summary.json"):
        (out / "seed1" / name).unlink()
    refused = train(out, "--seeds", "0,1")
    assert refused.returncode != 0
    assert "holds a run already" in refused.stderr
    assert "the run of seed 0, 1 failed" in refused.stderr
    done = train(out, "--seeds", "0,1", "--resume")
    assert done.returncode == 0, done.stderr
    assert "seed 0: has ended already" in done.stderr
    assert figures(out / "seed1") == figures(both / "seed1")


def test_ctrl_c_stops_all_and_resume_goes_on(both: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    options = ("--seeds", "0,1", "--jobs", "2")
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command(out, *options), stderr=log, stdout=log)
        try:
            deadline = time.monotonic() + 300
            while "grpo 1/2" not in (tmp_path / "log").read_text():
                assert running.poll() is None, "the run ended by itself"
                assert time.monotonic() < deadline
                time.sleep(0.05)
            running.send_signal(signal.SIGINT)
            assert running.wait(180) == 130, (tmp_path / "log").read_text()
        finally:
            running.kill()
            running.wait()
    done = train(out, *options, "--resume")
    assert done.returncode == 0, done.stderr
    assert figures(out / "seed0") == figures(both / "seed0")
    assert figures(out / "seed1") == figures(both / "seed1")


def test_wrong_seeds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.seeds import Seeds

    with pytest.raises(ConfigError, match="names a seed twice"):
        Seeds("smoke", [], [1, 1], tmp_path, jobs=1, resume=False, say=print)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without accelerate"):
        Seeds("smoke", [], [1, 2], tmp_path, jobs=1, resume=False, say=print)
