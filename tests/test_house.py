"""The rules of the house, read off the imports: who may know whom, and who opens what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [
    name for name in ("sqlenv", "env_service", "reward_service", "data", "gateway", "trainer") if (ROOT / name).is_dir()
]
SERVICES = {"env_service", "reward_service"}
# Sources of the data and generated stubs are not written line by line.
EXEMPT = ("data/sources/", "sqlenv/v1/")
MAX_LINES = 300

PURE = [
    "env_service/episode.py",
    "env_service/render.py",
    *(
        f"reward_service/{name}.py"
        for name in (
            "compare values bags permutation columns ordering select_text answers answer_forms rubric weights dominance"
            " progress efficiency"
        ).split()
    ),
]
IO = {"grpc", "apsw", "sqlite3", "google.protobuf", "os", "pathlib", "socket", "asyncio", "subprocess", "sqlenv.v1"}


@dataclass(frozen=True)
class Import:
    """`module` is imported at `line`; `lazily`: inside a function or for the type checker alone."""

    module: str
    line: int
    lazily: bool


def modules() -> list[Path]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if not name(path).startswith(EXEMPT))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imports(path: Path) -> list[Import]:
    return list(_imports(tree(path), path, False))


def _imports(node: ast.AST, path: Path, lazily: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazily) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parts = path.relative_to(ROOT).with_suffix("").parts[: -child.level]
                base = ".".join([*parts, *([base] if base else [])])
            yield Import(base, child.lineno, lazily)
            yield from (Import(f"{base}.{alias.name}", child.lineno, lazily) for alias in child.names)
        elif isinstance(child, ast.Call) and _called(child) in {
            "__import__",
            "import_module",
            "importlib.import_module",
        }:
            for argument in child.args[:1]:
                text = argument.value if isinstance(argument, ast.Constant) else "?"
                yield Import(str(text), child.lineno, lazily)
        deeper = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        deeper = deeper or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        yield from _imports(child, path, lazily or deeper)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def offences(paths: list[Path], packages: set[str], even_lazily: bool = True) -> list[str]:
    return sorted(
        {
            f"{name(path)}:{one.line} imports {one.module}"
            for path in paths
            for one in imports(path)
            if within(one.module, packages) and (even_lazily or not one.lazily)
        }
    )


def of(package: str) -> list[Path]:
    return [path for path in modules() if name(path).startswith(package + "/")]


def test_there_is_something_to_look_at() -> None:
    assert {"sqlenv", "env_service", "reward_service", "data"} <= set(PACKAGES)
    assert len(modules()) > 40
    assert any(one.module == "apsw" for one in imports(ROOT / "sqlenv/sandbox.py"))


def test_the_services_do_not_know_each_other() -> None:
    assert offences(of("env_service"), {"reward_service"}) == []
    assert offences(of("reward_service"), {"env_service"}) == []


def test_the_services_know_no_builder_client_or_agent() -> None:
    strangers = {"data", "gateway", "trainer", "tests", "benchmarks", "sqlenv.cli", "sqlenv.agents", "sqlenv.launch"}
    assert offences([*of("env_service"), *of("reward_service")], strangers) == []


def test_the_gateway_knows_the_services_by_their_contract_alone() -> None:
    recording = ("gateway/replays.py", "gateway/trained.py")  # they make files, and serve nothing
    serving = [path for path in of("gateway") if name(path) not in recording]
    strangers = SERVICES | {"data", "trainer", "tests", "benchmarks", "apsw", "sqlenv.gold", "sqlenv.cli"}
    assert offences(serving, strangers | {"sqlenv.agents", "sqlenv.launch", "sqlenv.sandbox"}) == []


def test_openenv_is_for_the_gateways_client_alone() -> None:
    assert {line.split(":")[0] for line in offences(modules(), {"openenv"})} <= {"gateway/client.py"}


MAY_START_SERVICES = ("sqlenv/cli", "sqlenv/launch", "sqlenv/agents")


def test_what_is_shared_knows_no_service() -> None:
    rest = [path for path in of("sqlenv") if not name(path).startswith(MAY_START_SERVICES)]
    assert offences(rest, SERVICES) == []


def test_what_starts_services_loads_them_only_when_it_does() -> None:
    starting = [path for path in of("sqlenv") if name(path).startswith(MAY_START_SERVICES)]
    assert offences(starting, SERVICES, even_lazily=False) == []


def test_the_environment_service_knows_no_gold() -> None:
    assert offences(of("env_service"), {"sqlenv.gold"}) == []
    open_to_all = [path for path in of("sqlenv") if not name(path).startswith((*MAY_START_SERVICES, "sqlenv/gold.py"))]
    readers = [line.split(":")[0] for line in offences(open_to_all, {"sqlenv.gold"})]
    assert set(readers) <= {"sqlenv/rewards.py"}


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        ("env_service.app", {"sqlenv.gold", "reward_service", "data", "sqlenv.cli", "sqlenv.agents", "sqlenv.launch"}),
        ("env_service.__main__", {"sqlenv.gold", "reward_service", "data"}),
        ("reward_service.app", {"env_service", "data", "sqlenv.cli", "sqlenv.agents", "sqlenv.launch"}),
        ("sqlenv", {"sqlenv.gold", "env_service", "reward_service", "data", "apsw", "sqlglot", "typer", "rich"}),
    ],
)
def test_what_a_process_has_loaded(module: str, strangers: set[str]) -> None:
    program = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert module in loaded
    assert [one for one in loaded if within(one, strangers)] == []


@pytest.mark.parametrize("path", PURE)
def test_pure_modules_touch_nothing(path: str) -> None:
    assert offences([ROOT / path], IO) == []
    calls = {_called(node) for node in ast.walk(tree(ROOT / path)) if isinstance(node, ast.Call)}
    assert not calls & {"open", "print", "input", "exec", "eval"}


def test_only_the_sandbox_and_the_builders_open_databases() -> None:
    # schema.py reads through the connection that the sandbox hands it.
    doors = (
        "sqlenv/sqlite/opening.py",
        "sqlenv/sqlite/connection.py",
        "sqlenv/sandbox.py",
        "sqlenv/sqlite/schema.py",
        "sqlenv/sqlite/query_worker.py",
        "data/",
    )
    outside = [path for path in modules() if not name(path).startswith(doors)]
    opened = [
        f"{name(path)}:{node.lineno}"
        for path in outside
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _called(node).split(".")[-1] in {"Connection", "Blob", "Backup"}
    ]
    assert opened == []
    assert offences(outside, {"sqlite3", "_sqlite3"}) == []
    assert offences(outside, {"apsw.Connection"}) == []


def test_apsw_is_known_to_few() -> None:
    users = {line.split(":")[0] for line in offences(modules(), {"apsw"})}
    assert {user for user in users if not user.startswith(("data/", "sqlenv/cli/"))} <= {
        "sqlenv/sqlite/authorizer.py",
        "sqlenv/sqlite/connection.py",
        "sqlenv/sqlite/faults.py",
        "sqlenv/sqlite/opening.py",
        "sqlenv/sqlite/query_worker.py",
        "sqlenv/sandbox.py",
        "sqlenv/sqlite/schema.py",
        "reward_service/scorer.py",  # for the version of SQLite, which is part of the scorer's
        "trainer/folder.py",  # for the same, which a run's figures depend on
    }


@pytest.mark.parametrize("path", modules(), ids=name)
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    if text.strip():
        assert ast.get_docstring(tree(path)), "no docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_say_what_they_are(package: str) -> None:
    assert ast.get_docstring(tree(ROOT / package / "__init__.py"))
