"""The notebooks are sound, tell a story in their order, and run from top to bottom, here as on Colab."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
NAMES = ("train_grpo", "explore")

SECTIONS = {
    "train_grpo": [
        "1. Set-up",
        "2. Configure",
        "3. Connect, and play an episode by hand",
        "4. Demonstrations",
        "5. Supervised fine-tuning",
        "6. GRPO",
        "7. Held-out evaluation",
        "8. Plots",
        "9. Transcripts",
        "10. Next steps",
    ],
    "explore": [
        "1. Set-up",
        "2. An episode by hand",
        "3. What the reward is made of",
        "4. Progress has five levels",
        "5. Right beats wrong, always",
        "6. Errors that help",
        "7. What makes an answer right?",
        "8. Efficiency is counted, not timed",
        "9. Next steps",
    ],
}
# What the set-up cells install, and what comes with it.
IMPORTABLE = {"sqlenv", "trainer", "matplotlib", "rich", "IPython"}
WITH_TRAIN = {"yaml", "httpx"}
PLACES = re.compile(r"(?<![\w.:/])/(?:work|home|root|tmp|content|Users|usr|opt|mnt|data)\b|\b[A-Z]:\\")

slow = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # of Jupyter's libraries
]


def read(name: str) -> Any:
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook: Any) -> Any:
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def test_there_are_no_others() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_valid_and_holds_no_output(name: str) -> None:
    notebook = read(name)
    import nbformat

    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert [cell.outputs for cell in code(notebook) if cell.outputs] == []
    assert {cell.execution_count for cell in code(notebook)} == {None}
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", NAMES)
def test_its_cells_come_in_the_order_of_the_story(name: str) -> None:
    notebook = read(name)
    assert notebook.cells[0].source.startswith("# ")
    told = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"^## (.*)$", told, re.MULTILINE) == SECTIONS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_code_cell_has_a_why_above_it(name: str) -> None:
    cells = read(name).cells
    for above, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert above.cell_type == "markdown", cell.source
            words = re.sub(r"^#.*$", "", above.source, flags=re.MULTILINE)
            assert len(words.split()) >= 8, above.source
    assert [cell for cell in cells if not cell.source.strip()] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_names_no_place_of_this_machine_and_needs_nothing_that_is_not_set_up(name: str) -> None:
    notebook = read(name)
    assert [found for cell in notebook.cells for found in PLACES.findall(cell.source)] == []
    known = set(sys.stdlib_module_names) | IMPORTABLE | (WITH_TRAIN if name == "train_grpo" else set())
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):  # which also says that no cell needs magic
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            assert {module.split(".")[0] for module in modules} <= known


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_holds_the_parameters_and_nothing_else(name: str) -> None:
    body = ast.parse(parameters(read(name)).source).body
    assert all(isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) for one in body)


def execute(name: str, folder: Path, **given: str | int) -> Any:
    """Runs a notebook in `folder`, with parameters as papermill would set them; returns it with its outputs."""
    nbclient = pytest.importorskip("nbclient")
    notebook = read(name)
    cell = parameters(notebook)
    known = {target.id for one in ast.parse(cell.source).body for target in one.targets}  # type: ignore[attr-defined]
    assert set(given) <= known
    cell.source += "".join(f"\n{key} = {value!r}" for key, value in given.items())
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    return notebook


def check(notebook: Any, pictures: int) -> str:
    """Every cell ran, in its order and without an error, and so many pictures were drawn. Returns what was printed."""
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    drawn = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(drawn) == pictures
    assert all(len(picture) > 5_000 for picture in drawn)
    return printed(outputs)


def printed(outputs: Sequence[Any]) -> str:
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


class TestExecution:
    """From top to bottom, each in a kernel of its own."""

    pytestmark = slow

    def test_explore(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        said = check(execute("explore", tmp_path, EPISODES=100), pictures=4)
        assert "oracle    100.0% right" in said
        assert "on generated instance" in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(find_spec("trl") is None, reason="needs the train extra: make train-demo installs it")
    def test_train(self, tmp_path: Path) -> None:
        said = check(execute("train_grpo", tmp_path, PROFILE="smoke"), pictures=4)
        for words in ("==> skills: greedy accuracy", "==> habits", "==> grpo", "explorer", "questions: {'train': 48"):
            assert words in said
        run = tmp_path / "runs" / "notebook-smoke"
        assert {path.name for path in (run / "pictures").iterdir()} >= {"curve.png", "curve.svg", "actions.svg"}
        assert (run / "report" / "report.html").is_file()
        again = check(execute("train_grpo", tmp_path, PROFILE="smoke"), pictures=4)
        assert "loss" not in again  # what has ended is read, not run again

    @pytest.mark.skipif(find_spec("trl") is None, reason="needs the train extra: make train-demo installs it")
    def test_train_on_a_server_and_play_on_a_space(self, tmp_path: Path) -> None:
        from sqlenv.launch import launch
        from trainer.config import load_config
        from trainer.worlds import WorldSize, build_worlds

        worlds = load_config("smoke").services.worlds
        assert worlds is not None
        size = WorldSize(worlds.train_databases, worlds.eval_databases, worlds.train_questions, worlds.eval_questions)
        build_worlds(tmp_path / "worlds", size, worlds.seed)
        settings = {"SQLENV_ENV_MAX_STEPS": "5"}
        with launch(tmp_path / "worlds", gateway_port=0, settings=settings) as services:
            given = {"SERVER": services.env_target, "GOLD": "worlds", "SPACE_URL": services.gateway_url}
            given["OVERRIDES"] = "seed=1 'report_to=[]'"
            said = check(execute("train_grpo", tmp_path, PROFILE="smoke", **given), pictures=4)
        assert "no SPACE_URL" not in said
        assert not (tmp_path / "runs" / "notebook-smoke" / "data").exists()
        assert "seed: 1" in said
