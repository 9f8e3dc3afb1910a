"""Training for real, shortened: needs the train extra. What must hold of a run, whatever it learns."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sqlenv import SqlEnvClient
from sqlenv.agents.rollout import Job
from sqlenv.errors import ConfigError, DataSetError, SqlEnvError
from tests.live import LiveServices, process
from trainer.chat import Chat
from trainer.config import CONFIGS, RunConfig, load_config
from trainer.worlds import WorldSize, build_worlds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("trainer"),
    pytest.mark.filterwarnings("default"),  # of torch, transformers and TRL, which are not ours to mend
]

SIZE = WorldSize(train_databases=4, eval_databases=2, train_questions=8, eval_questions=5)
SHORT = [
    "services.worlds.train_databases=4",
    "services.worlds.eval_questions=5",
    "evaluation.baselines=false",
    "report_to=[]",
]
# Times, and what the trainer sums up of this call alone.
TIMES = {"step_time", "train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss"}


def quiet(text: str) -> None:
    """What a run says; shown where a test fails."""
    print(text)


def curve(run: Path) -> list[dict[str, Any]]:
    """Everything that was logged but times."""
    history = json.loads((run / "grpo" / "history.json").read_text())
    return [{key: value for key, value in entry.items() if key not in TIMES} for entry in history]


def weights(run: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(run / "grpo" / "model" / "model.safetensors")


def same(one: Path, other: Path) -> None:
    import torch

    assert curve(one) == curve(other)
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def train(out: Path, *overrides: str, resume: bool = False) -> Any:
    from trainer.run import run

    return run(load_config("smoke", [*SHORT, *overrides]), out, resume=resume, say=quiet)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from end to end."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(out)
    return out


def test_a_run_leaves_all_that_is_needed_to_repeat_it(finished: Path) -> None:
    about = json.loads((finished / "run.json").read_text())
    assert about["dataset_version"]
    assert {"python", "torch", "trl", "transformers", "sqlenv", "sqlite"} <= set(about["versions"])
    assert RunConfig.model_validate(load_config(finished / "config.yaml").model_dump())
    figures = json.loads((finished / "summary.json").read_text())["figures"]
    assert list(figures) == ["skills", "habits", "grpo"]
    assert all(0 <= one["greedy"]["accuracy"] <= 1 for one in figures.values())
    logged = curve(finished)
    assert [entry["step"] for entry in logged if "loss" in entry] == [1, 2, 3, 4]
    assert [entry["step"] for entry in logged if "eval_greedy/accuracy" in entry] == [0, 2, 4]
    for key in ("reward/execution", "reward/correctness", "reward/efficiency", "rollout/accuracy", "groups/constant"):
        assert all(key in entry for entry in logged if "loss" in entry)


def test_the_same_seed_gives_the_same_run(finished: Path, tmp_path: Path) -> None:
    train(tmp_path / "again")
    same(finished, tmp_path / "again")


def test_a_run_that_goes_on_from_the_middle_ends_the_same(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "resumed"
    shutil.copytree(finished, out)
    for name in ("checkpoint-4", "model"):
        shutil.rmtree(out / "grpo" / name)
    for name in ("grpo/done.json", "summary.json"):
        (out / name).unlink()
    train(out, resume=True)
    same(finished, out)


def test_ctrl_c_saves_and_the_run_goes_on(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    command = [sys.executable, "-m", "sqlenv.cli", "train", "run", "smoke", *SHORT, "--out", str(out)]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            wait_for(lambda: logged_steps(out) >= 1, running)
            running.send_signal(signal.SIGINT)
            assert running.wait(120) == 130, (tmp_path / "log").read_text()
        finally:
            running.kill()
            running.wait()
    assert list((out / "grpo").glob("checkpoint-*"))
    assert not (out / "grpo" / "done.json").exists()
    train(out, resume=True)
    same(finished, out)


def test_killing_the_environment_service_leaves_the_curve_as_it_was(finished: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    build_worlds(data, WorldSize(4, 2, 8, 5), 0)
    out = tmp_path / "killed"
    port = free_port()
    with ExitStack() as stack:
        _, reward = stack.enter_context(process("reward_service", dataset_dir=data, port=0))
        settings = {"dataset_dir": data, "port": port, "reward_target": reward, "max_steps": 5}
        first, address = stack.enter_context(process("env_service", **settings))
        killed = threading.Event()

        def kill() -> None:
            while logged_steps(out) < 1:
                time.sleep(0.02)
            first.send_signal(signal.SIGKILL)
            first.wait()
            killed.set()
            time.sleep(0.5)
            stack.enter_context(process("env_service", **settings))

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            from trainer.run import run

            config = load_config("smoke", SHORT).model_dump(mode="json")
            config["services"] = {"address": address, "gold": str(data), "patience_s": 60.0}
            run(RunConfig.model_validate(config), out, say=quiet)
        finally:
            thread.join(60)
        assert killed.is_set()
    same(finished, out)


def test_services_that_stay_away_end_the_run_with_words_and_it_can_go_on(finished: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    build_worlds(data, WorldSize(4, 2, 8, 5), 0)
    out = tmp_path / "away"
    config = load_config("smoke", SHORT).model_dump(mode="json")
    port = free_port()
    with LiveServices(data, max_steps=5, port=port) as live:
        config["services"] = {"address": live.env, "gold": str(data), "patience_s": 1.0}

        def leave() -> None:
            while logged_steps(out) < 2:
                time.sleep(0.02)
            live.run(live._stack.aclose())

        thread = threading.Thread(target=leave)
        thread.start()
        from trainer.run import run

        with pytest.raises(SqlEnvError, match=r"could not be played"):
            run(RunConfig.model_validate(config), out, say=quiet)
        thread.join(60)
    with LiveServices(data, max_steps=5, port=port):
        run(RunConfig.model_validate(config), out, resume=True, say=quiet)
    same(finished, out)


def test_a_batch_decoded_shows_that_no_environment_token_trains(finished: Path, tmp_path: Path) -> None:
    from trainer.grpo import make_grpo
    from trainer.policy import load_model, load_tokenizer

    overrides = ["policy.view=text", "limits.completion_tokens=4000"]
    config = load_config("smoke", [*SHORT, *overrides])
    kept: list[Any] = []
    with LiveServices(finished / "data", max_steps=5) as live, SqlEnvClient(live.env) as client:
        chat = Chat(load_tokenizer(finished / "tokenizer"))
        model = load_model(finished / "habits" / "model", config.policy, "cpu")
        trainer = make_grpo(config, model, chat, client, tmp_path, "cpu", kept.extend)
        trainer.model.train()
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    decode = chat.tokenizer.decode
    for rollout in kept:
        steps = rollout.played.record.steps
        wrote, told = runs(rollout, 1), runs(rollout, 0)
        assert [chat.said(ids) for ids in wrote] == [step.action for step in steps]
        between = [f"<|see|>{step.observation}<|act|>" for step in steps[:-1]]
        assert [decode(ids).removeprefix("<|end|>") for ids in told] == between
        assert len(wrote) == len(steps) > 1
    # TRL shuffles the rows of a batch; what trains in them is what was written in the rollouts, token for token.
    trains = (batch["completion_mask"] * batch["tool_mask"]).bool()
    rows = [ids[mask].tolist() for ids, mask in zip(batch["completion_ids"], trains, strict=True)]
    assert sorted(rows) == sorted([token for ids in runs(rollout, 1) for token in ids] for rollout in kept)


def runs(rollout: Any, which: int) -> list[list[int]]:
    """The runs of tokens whose mask is `which`."""
    pairs = zip(rollout.completion, rollout.mask, strict=True)
    return [[token for token, _ in group] for mask, group in groupby(pairs, lambda pair: pair[1]) if mask == which]


def test_rollouts_sample_the_same_whatever_was_drawn_before(finished: Path) -> None:
    import torch

    from trainer.generate import Sampling, local
    from trainer.policy import load_model, load_tokenizer
    from trainer.rollout import Bounds, roll_out

    config = load_config("smoke", SHORT)
    chat = Chat(load_tokenizer(finished / "tokenizer"))
    model = load_model(finished / "skills" / "model", config.policy, "cpu")
    with LiveServices(finished / "data", max_steps=5) as live, SqlEnvClient(live.env) as client:
        jobs = [Job(task.task_id, 1) for task in list(client.list_tasks(split="eval"))[:4]]
        found = []
        for noise in range(2):
            torch.rand(noise + 1)
            before = torch.get_rng_state()
            rollouts = roll_out(
                client, jobs, chat, "compact", local(model, chat.tokenizer, Sampling(24)), Bounds(5, 300, 24), seed=3
            )
            assert torch.equal(before, torch.get_rng_state())
            found.append([rollout.completion for rollout in rollouts])
    assert found[0] == found[1]


def test_wrong_resumes_are_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run already"):
        train(finished)
    with pytest.raises(ConfigError, match=r"another configuration.*grpo.lr was 0.001, now 0.5"):
        train(finished, "grpo.lr=0.5", resume=True)
    with pytest.raises(ConfigError, match="no run to go on with"):
        train(tmp_path / "nothing", resume=True)


def test_how_a_run_is_run_may_change_and_what_it_is_may_not(tmp_path: Path) -> None:
    from trainer.folder import RunFolder

    at = ["services.worlds=null", "services.address=here:1"]
    folder = RunFolder(tmp_path / "run")
    folder.open(load_config("smoke", at), resume=False)
    other = [
        "services.worlds=null",
        "services.address=there:1",
        "sft.0.micro_batch=2",
        "grpo.micro_batch=8",
        "report_to=[]",
    ]
    folder.open(load_config("smoke", other), resume=True)
    assert load_config(tmp_path / "run" / "config.yaml").services.address == "there:1"
    with pytest.raises(ConfigError, match=r"another configuration.*: sft.0.batch was 8, now 4$"):
        folder.open(load_config("smoke", [*other, "sft.0.batch=4"]), resume=True)


def test_another_data_set_than_the_checkpoints_is_refused(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "moved"
    shutil.copytree(finished, out)
    shutil.rmtree(out / "data")
    build_worlds(out / "data", SIZE, seed=9)
    with pytest.raises(DataSetError, match="was started on data set"):
        train(out, resume=True)


def test_no_gpu_no_model_no_server(tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="torch sees no GPU"):
            train(tmp_path / "gpu", "device=cuda")
        with pytest.raises(ConfigError, match=r"grpo.vllm needs a GPU.*grpo.vllm=null"):
            train(tmp_path / "vllm", "grpo.vllm={mode: colocate}")
    if find_spec("trackio") is None:
        with pytest.raises(ConfigError, match="trackio is not here: pip install trackio"):
            train(tmp_path / "log", "report_to=[tensorboard, trackio]")
        assert not (tmp_path / "log").exists()
    with pytest.raises(ConfigError, match="no model could be loaded"):
        train(tmp_path / "model", f"policy.model={tmp_path / 'none'}")
    with pytest.raises(SqlEnvError, match="no service answers at"):
        train(tmp_path / "server", "services.worlds=null", "services.address=127.0.0.1:1")
    assert not (tmp_path / "model").exists()  # said before anything is played or written


def test_a_server_that_is_not_ours_is_named(tmp_path: Path) -> None:
    """A reward service stands for servers that know none, or not all, of our calls."""
    with LiveServices() as live, pytest.raises(SqlEnvError, match=r"does not know our calls.*of this version\?"):
        train(tmp_path / "run", "services.worlds=null", f"services.address={live.reward}")


def test_vllm_that_is_not_installed_is_said_first() -> None:
    from trainer.vllm import check_vllm

    if find_spec("vllm") is None:
        with pytest.raises(ConfigError, match="needs vLLM here, for a server too: pip install"):
            check_vllm(load_config("qwen"), "cuda")
    check_vllm(load_config("qwen", ["grpo.vllm=null"]), "cuda")
    check_vllm(load_config("qwen", ["grpo=null"]), "cpu")


def test_too_little_memory_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    with pytest.raises(SqlEnvError, match=r"out of memory: lower"):
        train(tmp_path / "main", f"policy.mlp={10**12}")

    def full(*words: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("trainer.stages.make_sft", full)
    with pytest.raises(SqlEnvError, match=r"out of GPU memory: lower sft.0.micro_batch.*2.00 GiB"):
        train(tmp_path / "gpu")


def launched(processes: int, *words: str) -> subprocess.CompletedProcess[str]:
    """A module in several processes, as `accelerate launch` runs it on GPUs; on CPUs accelerate itself needs MPI."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run([*command, "-m", *words], capture_output=True, text=True, timeout=600, env=environment)


def test_two_processes_train_one_policy(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    with LiveServices(finished / "data", max_steps=5) as live:
        at = ["services.worlds=null", f"services.address={live.env}", f"services.gold={finished / 'data'}"]
        words = ["sqlenv.cli", "train", "run", "smoke", *at, "evaluation.baselines=false", "report_to=[]"]
        tiny = launched(2, *words, "--out", str(tmp_path / "tiny"))
        assert "each process is a client of its own" in tiny.stderr
        done = launched(2, *words, f"policy.model={finished / 'skills' / 'model'}", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("95% interval") == 1  # the table, once
    assert json.loads((out / "run.json").read_text())["processes"] == 2
    logged = [entry for entry in curve(out) if "loss" in entry]
    assert [entry["step"] for entry in logged] == [1, 2, 3, 4]
    assert weights(out).keys() == weights(finished).keys()


def test_processes_whose_rollouts_differ_in_number_share_a_vllm_server() -> None:
    done = launched(3, "tests.trainer_processes")
    assert done.returncode == 0, done.stderr
    from tests.trainer_processes import TURNS

    answers = {found["rank"]: found["answers"] for found in map(json.loads, done.stdout.splitlines())}
    for rank, counts in TURNS.items():
        expected = []
        for call, count in enumerate(counts):
            asked = [[rank + 1, call + 1, i + 1] for i in range(count)]
            ids = [[token + 100 for token in one] for one in asked]
            expected.append([ids, [[-float(token) for token in one] for one in asked]])
        assert answers[rank] == expected


@pytest.mark.parametrize("name", ["1gpu", "4gpu"])
def test_configurations_for_accelerate_are_ones(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(str(CONFIGS / "accelerate" / f"{name}.yaml"))
    assert found.num_processes == int(name.removesuffix("gpu"))
    assert found.mixed_precision == "bf16"


def test_the_command_line_trains_and_draws(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "sqlenv.cli", "train", "run", "smoke", *SHORT, "--out", str(out), "grpo.steps=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    assert "grpo" in done.stdout
    assert "constant groups" in done.stderr
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")


def logged_steps(run: Path) -> int:
    """GRPO steps that a run has logged."""
    file = run / "grpo" / "history.json"
    if not file.is_file():
        return 0
    return max((entry["step"] for entry in json.loads(file.read_text()) if "loss" in entry), default=0)


def wait_for(condition: Any, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert running.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline, "the run took too long"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
