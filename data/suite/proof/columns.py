"""References: where another column is as good, where a NULL test tests nothing, and what is always a float."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from data.suite.mutation.edits import Edit
from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.facts import Facts
from data.suite.proof.nodes import bare, conjuncts

PASSING = (
    *(exp.Column, exp.Paren, exp.Add, exp.Sub, exp.Mul, exp.Cast, exp.Identifier, exp.Literal, exp.DataType),
    *(exp.TimeToStr, exp.TsOrDsToTimestamp),
)
"""What gives NULL for NULL and for nothing else; a division gives NULL by 0 too."""

_PASSING_NAMES = ("julianday", "abs")
_FLOAT_TYPES = ("REAL", "FLOA", "DOUB")


def is_passing(node: exp.Expr) -> bool:
    """Whether a function gives NULL for NULL and, for what columns hold, for nothing else."""
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in _PASSING_NAMES


class ColumnRules:
    """Rules about single columns of one query."""

    def __init__(self, scopes: Scopes, profile: Profile, facts: Callable[[exp.Select], Facts]) -> None:
        self._scopes = scopes
        self._profile = profile
        self._facts = facts

    def attached(self, node: exp.Expr, place: exp.Expr) -> exp.Expr:
        """A copy of `node` that knows where it would stand, so that its names resolve."""
        copy = node.copy()
        copy.parent = place.parent
        return copy

    def prove(self, edit: Edit) -> str:
        """Why another column is as good as the one that is meant."""
        old, new = edit.node, edit.new
        assert isinstance(old, exp.Column)
        assert isinstance(new, exp.Column)
        found, other = self._scopes.resolve(old), self._scopes.resolve(self.attached(new, old))  # type: ignore[arg-type]
        if found is None or other is None or found[0] is not other[0]:
            return ""
        select = found[0]
        condition = self.condition(old, select)
        facts = Facts(select, self._scopes, self._profile, ignored=condition)
        names = [f"{visible.alias.lower()}.{visible.name.lower()}" for _, visible in (found, other)]
        if facts.same(*names) and self._kinds(found[1].table, names[0]) == self._kinds(other[1].table, names[1]):
            return "both columns are equal in every row"
        if reason := self._unread(old):
            return reason
        if isinstance(old.parent, (exp.Is, exp.Count)):
            if reason := self._null_alike(names, facts):
                return reason
            negated = old.parent.parent
            if isinstance(negated, exp.Not) and isinstance(old.parent, exp.Is) and self._never_null(names[1], facts):
                return self.null_test(old, negated)
            return ""
        if isinstance(old.parent, exp.Distinct) and isinstance(old.parent.parent, exp.Count):
            return self._counts_alike(names, facts)
        if old.parent is not None and old.parent is select.args.get("group"):
            return self._groups_alike(old, names[1], facts)
        return ""

    def condition(self, node: exp.Column, select: exp.Select) -> exp.Expr | None:
        """The condition of the SELECT that the reference is a part of: it may not serve to prove itself."""
        inside: set[int] = set()
        walker: exp.Expr | None = node
        while walker is not None and walker is not select:
            inside.add(id(walker))
            walker = walker.parent
        where = select.args.get("where")
        clauses = [where.this] if where is not None else []
        clauses += [join.args["on"] for join in select.args.get("joins") or () if join.args.get("on") is not None]
        for clause in clauses:
            for part in conjuncts(clause):
                if id(part) in inside:
                    return bare(part)
        return None

    def _kinds(self, table: str, name: str) -> tuple[str, str] | str:
        column = self._profile.column(table, name.split(".", 1)[1]) if table else None
        declared = self._profile.schema.find(table) if table else None
        if column is None or declared is None:
            return name
        kind = "number" if column.kind in ("integer", "real") else "text"
        return kind

    def _unread(self, old: exp.Column) -> str:
        """A column of a subquery of which only the rows are counted."""
        holder = old.parent.parent if isinstance(old.parent, exp.Select) else None
        select = old.parent
        if not isinstance(select, exp.Select) or select.args.get("distinct") is not None:
            return ""
        if not isinstance(holder, exp.Subquery) or not isinstance(holder.parent, exp.From):
            return ""
        outer = holder.parent.parent
        if not isinstance(outer, exp.Select) or outer.args.get("joins") or outer.find(exp.Column) is None:
            return ""
        named = [
            c
            for c in outer.find_all(exp.Column)
            if c.find_ancestor(exp.Select) is outer or c.find_ancestor(exp.Subquery) is not holder
        ]
        counts = [item for item in outer.expressions if isinstance(bare(item), exp.Count)]
        if not named and len(counts) == len(outer.expressions):
            return "the column isn't read"
        return ""

    def _null_alike(self, names: list[str], facts: Facts) -> str:
        """Both are NULL in the same rows: never, or where a LEFT JOIN found no partner."""
        aliases, columns = zip(*(name.split(".", 1) for name in names), strict=True)
        if all(name in facts.rejected for name in names):
            return "neither column is ever NULL"
        required = [
            alias in facts.sources and not facts.sources[alias].columns.get(column, True)
            for alias, column in zip(aliases, columns, strict=True)
        ]
        if all(required) and (aliases[0] == aliases[1] or not facts.optional & set(aliases)):
            return "both columns are NULL in the same rows"
        return ""

    def _counts_alike(self, names: list[str], facts: Facts) -> str:
        """Both number the same things in a group."""
        if not all(self._never_null(name, facts) for name in names):
            return ""
        group = facts.group or []
        if names[1] in facts.closure([names[0], *group]) and names[0] in facts.closure([names[1], *group]):
            return "each column determines the other"
        return ""

    def _never_null(self, name: str, facts: Facts) -> bool:
        alias, column = name.split(".", 1)
        source = facts.sources.get(alias)
        required = source is not None and alias not in facts.optional and not source.columns.get(column, True)
        return required or name in facts.rejected

    def _groups_alike(self, old: exp.Column, new: str, facts: Facts) -> str:
        group = facts.group or []
        name = facts.attribute(old)
        changed: list[exp.Expr | str] = [new if facts.attribute(e) == name else e for e in group]
        before, after = facts.closure(group), facts.closure(changed)
        if new in before and all(facts.determined(e, after) for e in group):
            return "both make the same groups"
        return ""

    def null_test(self, tested: exp.Expr, condition: exp.Expr) -> str:
        """Why `tested IS NOT NULL`, the condition, can go."""
        select = condition.find_ancestor(exp.Select)
        if not isinstance(select, exp.Select):
            return ""
        facts = Facts(select, self._scopes, self._profile, ignored=condition)
        if facts.never_null(tested):
            return "the column is never NULL"
        if self._positive_member(select, tested):
            return "NULL is no member"
        group = select.args.get("group")
        if (
            group is None
            and facts.group is not None
            and all(self._absorbs(item, tested) for item in select.expressions)
        ):
            return "aggregates leave NULL out"
        return ""

    def _positive_member(self, select: exp.Select, tested: exp.Expr) -> bool:
        """Whether the SELECT is that of a `x IN (…)` that must be true, and gives the tested column."""
        holder = select.parent
        node = holder.parent if isinstance(holder, exp.Subquery) else holder
        if not isinstance(node, exp.In) or len(select.expressions) != 1 or select.args.get("limit") is not None:
            return False
        if bare(select.expressions[0]).sql() != bare(tested).sql():
            return False
        while isinstance(node.parent, (exp.And, exp.Or, exp.Paren)):
            node = node.parent
        return isinstance(node.parent, exp.Where)

    def absorbs_source(self, item: exp.Expr, alias: str, facts: Facts) -> bool:
        """Whether an output column is an aggregate whose argument is NULL wherever the source's columns are."""
        for column in item.find_all(exp.Column):
            if facts.attribute(column).startswith(alias + ".") and self._absorbs(item, column):
                return True
        return False

    def _absorbs(self, item: exp.Expr, tested: exp.Expr) -> bool:
        """Whether an output column is an aggregate whose argument is NULL wherever `tested` is."""
        aggregates = list(item.find_all(exp.AggFunc))
        if not aggregates:
            return False
        for aggregate in aggregates:
            argument = aggregate.this.expressions[0] if isinstance(aggregate.this, exp.Distinct) else aggregate.this
            if argument is None or tested.sql() not in {c.sql() for c in argument.find_all(exp.Column)}:
                return False
            for node in argument.walk():
                if not isinstance(node, (*PASSING, exp.Div)) and not is_passing(node):
                    return False
        outside = [c for c in item.find_all(exp.Column) if c.find_ancestor(exp.AggFunc) is None]
        return not outside

    def is_float(self, node: exp.Expr) -> bool:
        """Whether an expression is a float or NULL in every row."""
        node = bare(node)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select):
            return len(node.this.expressions) == 1 and self.is_float(node.this.expressions[0])
        if isinstance(node, (exp.Avg, exp.Round)):
            return True
        if isinstance(node, exp.Cast):
            return str(node.args["to"].sql("sqlite")).upper().startswith(_FLOAT_TYPES)
        if isinstance(node, exp.Literal):
            return not node.is_string and "." in str(node.this)
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
            return self.is_float(node.this) or self.is_float(node.expression)
        if isinstance(node, (exp.Sum, exp.Max, exp.Min)) and not node.expressions:
            return self.is_float(node.this)
        if isinstance(node, exp.Anonymous):
            return str(node.this).lower() == "julianday"
        if isinstance(node, exp.Column):
            found = self._scopes.resolve(node)
            table = self._profile.schema.find(found[1].table) if found is not None and found[1].table else None
            if table is not None and found is not None:
                declared = next(c.type for c in table.columns if c.name.lower() == found[1].name.lower())
                return declared.upper().startswith(_FLOAT_TYPES)
        return False
