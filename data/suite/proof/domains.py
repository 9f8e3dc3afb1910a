"""Comparisons that come out the same for every value that can stand there.

`COUNT(*) > 1` and `COUNT(*) <> 1` are one condition: no group has 0 rows. So are `flag = 'Y'` and `flag >= 'Y'` where
the column holds 'N' and 'Y' only. What a column can hold is what `data.suite.profile` says instances keep to.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import apsw
from sqlglot import exp

from data.suite.hints import Hints
from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.facts import Facts
from data.suite.proof.nodes import bare
from sqlenv.types import SqlValue

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Glob)
_DIGITS = ("0", "7", "10", "12", "100", "345", "2024", "98765")
_RANKS = ("RANK(", "DENSE_RANK(", "ROW_NUMBER(")


class Domains:
    """Tells whether a changed comparison is the same one, for the query that `hints` are of."""

    def __init__(self, scopes: Scopes, profile: Profile, hints: Hints, facts: Callable[[exp.Select], Facts]) -> None:
        self._scopes = scopes
        self._profile = profile
        self._hints = hints
        self._facts = facts
        self._db = apsw.Connection(":memory:")

    def same(self, old: exp.Expr, new: exp.Expr) -> bool:
        """Whether two comparisons of the same thing with constants are one condition."""
        if not isinstance(old, _COMPARISONS) or not isinstance(new, _COMPARISONS):
            return False
        if old.this != new.this or not isinstance(old.expression, exp.Literal):
            return False
        if not isinstance(new.expression, exp.Literal):
            return False
        thing = bare(old.this)
        values = self._values(thing, [old.expression, new.expression])
        if values is None:
            return False
        # The column's declared type decides how its values compare with constants of another type.
        self._db.execute(f"DROP TABLE IF EXISTS domain; CREATE TABLE domain (value {self._declared(thing)})")
        self._db.executemany("INSERT INTO domain VALUES (?)", [(value,) for value in values])
        # NULL is no value of the domain: a comparison with a constant is then never true, whatever it is.
        return self._true(old) == self._true(new)

    def _true(self, comparison: exp.Expr) -> list[tuple[SqlValue, ...]]:
        copy = comparison.copy()
        copy.set("this", exp.column("value"))
        return self._db.execute(f"SELECT rowid FROM domain WHERE {copy.sql('sqlite')}").fetchall()

    def _declared(self, node: exp.Expr) -> str:
        resolved = self._scopes.resolve(node) if isinstance(node, exp.Column) else None
        column = self._profile.column(resolved[1].table, resolved[1].name) if resolved is not None else None
        return column.declared if column is not None else ""

    def _values(self, node: exp.Expr, constants: list[exp.Literal]) -> list[SqlValue] | None:
        if isinstance(node, exp.Count):
            return self._counts(node, constants)
        if not isinstance(node, exp.Column):
            return None
        resolved = self._scopes.resolve(node)
        if resolved is None:
            return None
        select, visible = resolved
        if visible.table:
            return self._column(visible.table, visible.name, constants)
        item = self._item(select, visible.alias, visible.name)
        if item is None:
            return None
        if isinstance(item, exp.Count):
            return self._counts(item, constants)
        if isinstance(item, exp.Window) and item.this.sql("sqlite").upper().startswith(_RANKS):
            return _whole_from(1, constants)
        if isinstance(item, exp.Column):
            return self._values(item, constants)
        return None

    def _counts(self, node: exp.Count, constants: list[exp.Literal]) -> list[SqlValue] | None:
        """A group has a row at least; without GROUP BY there may be none to count."""
        if isinstance(node.parent, exp.Window):
            return None
        select = node.find_ancestor(exp.Select)
        counted = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
        least = 0
        if select is not None and select.args.get("group") is not None:
            always = isinstance(counted, exp.Star) or self._facts(select).never_null(counted)
            least = 1 if always else 0
        return _whole_from(least, constants)

    def _column(self, table: str, name: str, constants: list[exp.Literal]) -> list[SqlValue] | None:
        column = self._profile.column(table, name)
        if column is None:
            return None
        references = self._profile.tables[table.lower()].references
        if any(reference.holds and column.name in reference.columns for reference in references):
            return None  # its values are its parent's
        if column.closed:
            compared = self._hints.constants.get((table.lower(), name.lower()), [])
            others: list[SqlValue] = [c.text if c.is_text else float(c.text) for c in compared if not c.pattern]
            if (table.lower(), name.lower()) in self._hints.case_matters:
                return None
            return [*column.values, *others]
        if column.kind == "digits" and all(constant.is_string for constant in constants):
            plain = all(str(value).isdigit() or not any(c.isdigit() for c in str(value)) for value in column.values)
            pattern = any(re.search(r"[1-9]", str(constant.this).replace("0-9", "")) for constant in constants)
            equality = not any(set(str(constant.this)) & set("0123456789[*%_") for constant in constants)
            plain = plain or equality
            # New values are whole numbers; patterns that name no digit can't tell one of them from another.
            return [*column.values, *_DIGITS] if plain and not pattern else None
        if column.kind == "date" and not any(re.match(r"\d{4}", str(constant.this)) for constant in constants):
            return ["2000-01-01"]  # as good as any: none is equal to what is no date
        if column.kind == "text" and all(constant.this == "" for constant in constants):
            return ["", " ", "0", "a"]
        if column.kind == "integer" and column.values and (column.lowest >= 0 or column.least is not None):
            whole = _whole_from(int(column.least or 0), constants)
            return whole and [v for v in whole if column.most is None or float(str(v)) <= column.most]
        if column.kind == "real" and column.least is not None and column.most is not None:
            if any(constant.is_string for constant in constants):
                return None
            ends = [column.least, column.most, *(float(constant.this) for constant in constants)]
            around = {value + step for value in ends for step in (-0.001, 0.0, 0.001)}
            return [value for value in sorted(around) if column.least <= value <= column.most]
        return None

    def _item(self, select: exp.Select, alias: str, name: str) -> exp.Expr | None:
        origin = select.args.get("from_")
        items = [origin.this] if origin is not None else []
        items += [join.this for join in select.args.get("joins") or ()]
        for item in items:
            if item.alias_or_name.lower() == alias.lower():
                query = self._scopes.query_of(item)
                if isinstance(query, exp.Select):
                    for each in query.expressions:
                        if each.alias_or_name.lower() == name.lower():
                            return bare(each)
        return None


def _whole_from(least: int, constants: list[exp.Literal]) -> list[SqlValue] | None:
    """Whole numbers that stand for all from `least` on: comparisons with the constants don't change between them."""
    found: set[int] = {least, least + 1}
    for constant in constants:
        if constant.is_string:
            return None
        around = int(float(constant.this))
        found |= {value for value in range(around - 2, around + 4) if value >= least}
    return [*sorted(found), max(found) + 10]
