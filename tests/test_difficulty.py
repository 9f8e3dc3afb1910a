"""`data.difficulty`: a rule, so its results are fixed by examples and by what may only make a question harder."""

from __future__ import annotations

import pytest

from data.difficulty import difficulty
from sqlenv.tasks import DIFFICULTIES

EXAMPLES = [
    ("easy", "SELECT name FROM dog"),
    ("easy", "SELECT count(*) FROM dog WHERE age > 3"),
    ("medium", "SELECT DISTINCT breed FROM dog"),
    ("easy", "SELECT max(age) FROM dog WHERE breed = 'Pug' AND sex = 'F'"),
    ("medium", "SELECT d.name FROM dog AS d JOIN owner AS o ON o.id = d.owner_id ORDER BY d.name"),
    ("medium", "SELECT breed, count(*) FROM dog GROUP BY breed ORDER BY count(*) DESC"),
    ("medium", "SELECT name FROM dog WHERE age = (SELECT max(age) FROM dog)"),
    ("hard", "SELECT name FROM dog UNION SELECT name FROM cat"),
    ("hard", "SELECT breed FROM dog GROUP BY breed HAVING count(*) > 2 ORDER BY count(*) DESC LIMIT 1"),
    ("hard", "SELECT name FROM owner WHERE id IN (SELECT owner_id FROM dog) OR name LIKE 'A%' ORDER BY name"),
    (
        "extra",
        "WITH n AS (SELECT owner_id, count(*) AS dogs FROM dog GROUP BY owner_id) "
        "SELECT o.name, rank() OVER (ORDER BY n.dogs DESC) FROM n JOIN owner AS o ON o.id = n.owner_id ORDER BY 2",
    ),
    ("extra", "this is not SQL at all ("),
]


@pytest.mark.parametrize(("expected", "sql"), EXAMPLES)
def test_examples(expected: str, sql: str) -> None:
    assert difficulty(sql) == expected


@pytest.mark.parametrize("sql", [sql for _, sql in EXAMPLES[:-1]])
def test_form_does_not_matter(sql: str) -> None:
    assert difficulty(sql.lower().replace(" ", "\n  ") + " ; -- a comment") == difficulty(sql)


@pytest.mark.parametrize("sql", [sql for _, sql in EXAMPLES[:-1]])
def test_nesting_never_makes_it_easier(sql: str) -> None:
    wrapped = f"SELECT * FROM ({sql}) AS inner_query WHERE EXISTS (SELECT 1 FROM dog)"
    assert DIFFICULTIES.index(difficulty(wrapped)) >= DIFFICULTIES.index(difficulty(sql))
