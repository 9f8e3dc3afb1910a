"""How hard a question is, by rule: what its gold SQL is made of.

In the manner of Spider's hardness (Yu et al., EMNLP 2018, appendix), counted on the syntax tree instead of on Spider's
own parse, so that every SQLite construct counts.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

# What one occurrence of a construct adds: a plain filter or count is easy; joined, grouped or sorted it is medium.
POINTS: tuple[tuple[type[exp.Expression], int], ...] = (
    (exp.Join, 1),
    (exp.Group, 1),
    (exp.Having, 1),
    (exp.Order, 1),
    (exp.Limit, 1),
    (exp.Distinct, 1),
    (exp.Case, 1),
    (exp.Or, 1),
    (exp.Like, 1),
    (exp.Cast, 1),
    (exp.Subquery, 2),
    (exp.Exists, 2),
    (exp.SetOperation, 3),
    (exp.CTE, 2),
    (exp.Window, 2),
)
MORE_THAN_ONE_AGGREGATE = 1
MORE_THAN_TWO_CONDITIONS = 1

EASY, MEDIUM, HARD = 0, 2, 5


def difficulty(sql: str) -> str:
    """One of `sqlenv.tasks.DIFFICULTIES`. SQL that sqlglot can't parse is "extra"."""
    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except sqlglot.errors.SqlglotError:
        return "extra"
    points = sum(weight * len(list(tree.find_all(kind))) for kind, weight in POINTS)
    # IN (SELECT …) and comparisons with a SELECT hold it without a Subquery node.
    bare = [node for node in tree.find_all(exp.In) if node.args.get("query")]
    points += sum(2 for node in bare if not isinstance(node.args["query"], exp.Subquery))
    points += MORE_THAN_ONE_AGGREGATE * (len({aggregate.sql() for aggregate in tree.find_all(exp.AggFunc)}) > 1)
    points += MORE_THAN_TWO_CONDITIONS * (len(list(tree.find_all(exp.And))) > 1)
    for name, most in (("easy", EASY), ("medium", MEDIUM), ("hard", HARD)):
        if points <= most:
            return name
    return "extra"
