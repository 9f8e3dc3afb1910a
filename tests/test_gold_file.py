"""`sqlenv score --gold`: a gold file in Spider's form against predictions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sqlenv.cli import app
from sqlenv.cli.gold_file import gold_dataset
from sqlenv.cli.predictions import PredictionsError
from sqlenv.tasks import BUNDLED, load

GOLD = "SELECT count(*) FROM pet\tcampus_pets\n\nSELECT DISTINCT species FROM pet ORDER BY species\tcampus_pets\n"


def test_lines_become_tasks_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "gold.sql").write_text(GOLD)
    with gold_dataset(tmp_path / "gold.sql", BUNDLED) as folder:
        data = load(folder)
        assert [task.task_id for task in data.tasks] == ["line-0001", "line-0003"]
        assert [task.answer_type for task in data.tasks] == ["integer", "list"]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1\n", "gold.sql:1: expected SQL, a tab and a db_id"),
        ("SELECT 1\tnope\n", "gold.sql:1: there is no database 'nope'"),
        ("SELECT 1\t../campus_pets\n", "gold.sql:1: there is no database"),
        ("SELECT 1\tcampus_pets\nSELECT x FROM pet\tcampus_pets\n", "gold.sql:2: gold does not run: No such column: x"),
        ("\n", "there is no gold in it"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "gold.sql"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PredictionsError, match=words), gold_dataset(path, BUNDLED):
        pass


def test_predictions_are_scored_against_it(tmp_path: Path) -> None:
    (tmp_path / "gold.sql").write_text(GOLD)
    (tmp_path / "pred.sql").write_text("SELECT count(pet_id) FROM pet\nSELECT species FROM pet\n")
    arguments = ["score", "--gold", "gold.sql", "--predictions", "pred.sql", "--json"]
    words = [str(tmp_path / word) if word.endswith(".sql") else word for word in arguments]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["tasks"], summary["correct"]) == (2, 1)


def test_explain_shows_where_a_wrong_prediction_and_gold_part(tmp_path: Path) -> None:
    path = tmp_path / "pred.json"
    path.write_text(
        json.dumps(
            {
                "campus_pets-001": "SELECT -1",
                "campus_pets-002": "SELECT nope",
                "campus_pets-003": "SELECT 1, 2",
            }
        )
    )
    done = CliRunner().invoke(app, ["score", "--predictions", str(path), "--db", "campus_pets", "--explain", "3"])
    assert done.exit_code == 0, done.output
    assert "on the shipped database: rows differ" in done.stdout
    assert "only predicted  -1" in done.stdout
    assert "on the shipped database: the SQL fails: No such column: nope" in done.stdout
    assert "on the shipped database: 2 columns, gold has 1" in done.stdout
