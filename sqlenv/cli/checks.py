"""The checks of `sqlenv doctor`. Each gives findings; one that is not fine says what to do."""

from __future__ import annotations

import importlib
import locale as locale_
import os
import platform
import re
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import apsw
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sqlenv.agents.oracle import oracle_maker
from sqlenv.agents.rollout import Job, play
from sqlenv.calling.access import NO_ACCESS
from sqlenv.cli.common import OWN
from sqlenv.cli.datasets import resolve
from sqlenv.client import SqlEnvClient
from sqlenv.gold import load_gold
from sqlenv.launch import launch
from sqlenv.tasks import load

PYTHON = (3, 11)
# VM steps are part of scores, and belong to a version of SQLite: the one that the pinned apsw brings.
PORTS = {50051: "sqlenv.v1.EnvironmentService", 50052: "sqlenv.v1.RewardService"}
REACH_S = 2.0
BUILT = datetime(2025, 1, 1, tzinfo=UTC)
"""No machine's clock is before this and right."""

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*(?P<bounds>[^;]*)(?P<marker>;.*)?")
_BOUND = re.compile(r"(>=|<=|==|!=|~=|<|>)\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `advice`: what to do where it is not fine."""

    fine: bool
    what: str
    advice: str = ""


def python() -> list[Finding]:
    """The interpreter."""
    what = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    needed = ".".join(map(str, PYTHON))
    return [Finding(sys.version_info >= PYTHON, what, f"SQLEnv needs Python {needed} or newer")]


def packages() -> list[Finding]:
    """Every package that SQLEnv requires, against the version it asks for."""
    try:
        required = metadata.requires("sqlenv") or []
    except metadata.PackageNotFoundError:
        return [Finding(False, "sqlenv is not installed, only lying about", "pip install -e . in its folder")]
    wrong, count = [], 0
    for line in required:
        parts = _REQUIREMENT.match(line)
        if parts is None or "extra" in (parts["marker"] or "") or (parts["marker"] and sys.platform == "win32"):
            continue
        count += 1
        name, bounds = parts["name"], parts["bounds"].strip()
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(Finding(False, f"{name} is not installed", f"pip install '{name}{bounds}'"))
            continue
        if not fits(found, bounds):
            wrong.append(Finding(False, f"{name} is {found}, needed is {bounds}", f"pip install '{name}{bounds}'"))
    return wrong or [Finding(True, f"{count} packages as required")]


def fits(version: str, bounds: str) -> bool:
    """True where a version is within bounds such as ">=3.54,<3.55". Numbers only: enough for our own requirements."""
    for sign, bound in _BOUND.findall(bounds):
        here, there = _numbers(version), _numbers(bound)
        width = max(len(here), len(there))
        a, b = here + (0,) * (width - len(here)), there + (0,) * (width - len(there))
        fine = {">=": a >= b, "<=": a <= b, "==": a == b, "!=": a != b, "<": a < b, ">": a > b}
        if not fine.get(sign, a >= b and here[: len(there) - 1] == there[:-1]):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def sqlite() -> list[Finding]:
    """The SQLite that runs queries: the one that apsw brings, whose VM steps scores count."""
    brought = apsw.apsw_version().rsplit(".", 1)[0]
    what = f"SQLite {apsw.sqlite_lib_version()} from apsw {apsw.apsw_version()}"
    fine = brought == apsw.sqlite_lib_version()
    return [Finding(fine, what, "apsw uses the system's SQLite; install the wheel: pip install --force-reinstall apsw")]


def stubs() -> list[Finding]:
    """The generated stubs, which a protobuf that is too old or too new refuses."""
    what = f"stubs load with protobuf {metadata.version('protobuf')}, grpcio {metadata.version('grpcio')}"
    for name in ("types_pb2", "environment_pb2_grpc", "reward_pb2_grpc"):
        try:
            importlib.import_module(f"sqlenv.v1.{name}")
        except Exception as error:
            return [Finding(False, f"sqlenv.v1.{name} does not load: {error}", "pip install 'protobuf>=5.29.6'")]
    return [Finding(True, what)]


def locale() -> list[Finding]:
    """Whether text can be read and shown: questions and tables are UTF-8."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    names = f"output in {sys.stdout.encoding}, locale {locale_.getlocale()[0] or 'C'}"
    return [Finding(encoding == "utf8", names, "set LANG=C.UTF-8 or PYTHONUTF8=1, else tables and names are garbled")]


def clock() -> list[Finding]:
    """The system's clock: certificates and expiry times go by it."""
    now = datetime.now(UTC)
    advice = "set the system's clock: certificates and expiry times go by it"
    findings = [Finding(now >= BUILT, f"clock says {now:%Y-%m-%d %H:%M} UTC", advice)]
    before = time.monotonic()
    time.sleep(0.01)
    if not 0.005 < time.monotonic() - before < REACH_S:
        findings.append(Finding(False, "the monotonic clock does not run as it should", "restart the virtual machine"))
    return findings


def temporary_folder() -> list[Finding]:
    """Where sockets and logs are put."""
    folder = tempfile.gettempdir()
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x" * 65_536)
        file.flush()
    return [Finding(True, f"temporary files in {folder}")]


def settings() -> list[Finding]:
    """SQLENV_… variables: one that no service knows is silently ignored by them, so it is said here."""
    from env_service.config import EnvSettings
    from reward_service.config import RewardSettings

    known = {f"SQLENV_ENV_{name}".upper() for name in EnvSettings.model_fields}
    known |= {f"SQLENV_REWARD_{name}".upper() for name in RewardSettings.model_fields}
    given = sorted(name for name in os.environ if name.upper().startswith(("SQLENV_ENV_", "SQLENV_REWARD_")))
    strange = [name for name in given if name.upper() not in known]
    if strange:
        return [Finding(False, f"no setting is called {name}", "unset it or mend its name") for name in strange]
    for kind in (EnvSettings, RewardSettings):
        try:
            kind()
        except ValueError as error:
            what = f"{kind.__name__}: {'; '.join(str(error).splitlines()[1:3])}"
            return [Finding(False, what, "mend that variable, or that line of .env")]
    return [Finding(True, f"settings: {', '.join(given) if given else 'all at their defaults'}")]


def data_set(dataset: Path | None) -> list[Finding]:
    """Whether the data set can be read, and has gold for every task."""
    folder = resolve(dataset)
    data, gold = load(folder), load_gold(folder)
    missing = [task.task_id for task in data.tasks if task.task_id not in gold]
    if missing:
        what = f"{folder}: {len(missing)} tasks without gold, first {missing[0]}"
        return [Finding(False, what, f"run `sqlenv data check {folder}`")]
    return [Finding(True, f"data set {data.name} {data.version}: {len(data.tasks)} tasks, all with gold")]


def ports() -> list[Finding]:
    """The services' own ports: free, or who answers there."""
    return [_port(number, service) for number, service in PORTS.items()]


def _port(number: int, service: str) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(REACH_S)
        if probe.connect_ex(("127.0.0.1", number)) != 0:
            return Finding(True, f"port {number} is free")
    with grpc.insecure_channel(f"127.0.0.1:{number}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=REACH_S).status
        except grpc.RpcError:
            advice = f"stop what listens there, or take another port: sqlenv up --port {number + 100}"
            return Finding(False, f"port {number} is taken by something that is not {service}", advice)
    word = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
    advice = "it is starting or draining; wait, or look at its log"
    return Finding(status == health_pb2.HealthCheckResponse.SERVING, f"port {number}: {service} is {word}", advice)


def episode(dataset: Path | None) -> list[Finding]:
    """Starts both services and plays one episode with the oracle."""
    folder = resolve(dataset)
    task = load(folder).tasks[0]
    before = time.monotonic()
    with launch(folder, settings=OWN) as services, SqlEnvClient(services.env_target, **NO_ACCESS) as client:
        record = next(play(client, [Job(task.task_id, 0)], oracle_maker(folder), agent="oracle"))
    took = f"{time.monotonic() - before:.1f} s"
    what = f"both services start and play an episode ({len(record.steps)} steps, {took})"
    if record.correct:
        return [Finding(True, what)]
    what = f"gold's own answer to {task.task_id} was found {record.verdict or 'missing'}: {record.reason}"
    return [Finding(False, what, f"run `sqlenv data check {folder}`")]
