"""Values: comparisons that are one condition, extremes, conversions that change nothing."""

from __future__ import annotations

from sqlglot import exp

from data.suite.mutation.edits import Edit
from data.suite.mutation.scopes import Scopes
from data.suite.proof.columns import ColumnRules
from data.suite.proof.domains import Domains
from data.suite.proof.nodes import bare


class ValueRules:
    """Rules about values in one query."""

    def __init__(self, scopes: Scopes, domains: Domains, columns: ColumnRules) -> None:
        self._scopes = scopes
        self._domains = domains
        self._columns = columns

    def comparison(self, edit: Edit) -> str:
        """Another operator, constant or pattern."""
        old: exp.Expr = edit.node
        new: exp.Expr | None = edit.new
        if isinstance(old, exp.Literal) and isinstance(new, exp.Literal) and isinstance(old.parent, exp.Binary):
            if old.arg_key != "expression":
                return ""
            changed = old.parent.copy()
            changed.set("expression", new.copy())
            old, new = old.parent, changed
        if new is None:
            return ""
        if self._domains.same(old, new):
            return "the same for every value that can stand there"
        return self._extreme(old, new)

    def _extreme(self, old: exp.Expr, new: exp.Expr) -> str:
        """`x = (SELECT MAX(x) FROM t)` and `x >= …`, where x is read from t without a condition."""
        query = old.args.get("expression")
        value = bare(old.this)
        if not isinstance(query, exp.Subquery) or not isinstance(query.this, exp.Select):
            return ""
        if not isinstance(value, exp.Column):
            return ""
        inner = query.this
        if any(inner.args.get(name) for name in ("where", "group", "having", "limit", "joins")):
            return ""
        item = bare(inner.expressions[0])
        extremes: dict[type[object], type[exp.Expr]] = {exp.Max: exp.GTE, exp.Min: exp.LTE}
        beyond = extremes.get(type(item))
        if beyond is None or not isinstance(bare(item.this), exp.Column):
            return ""
        if not (isinstance(old, (exp.EQ, beyond)) and isinstance(new, (exp.EQ, beyond))):
            return ""
        mine, theirs = self._scopes.resolve(value), self._scopes.resolve(bare(item.this))  # type: ignore[arg-type]
        if mine is None or theirs is None or mine[1].name.lower() != theirs[1].name.lower():
            return ""
        names = [self._origin(select, visible.alias) for select, visible in (mine, theirs)]
        return "nothing is beyond the extreme" if names[0] and names[0] == names[1] else ""

    def _origin(self, select: exp.Select, alias: str) -> str:
        origin = select.args.get("from_")
        items = [origin.this] if origin is not None else []
        items += [join.this for join in select.args.get("joins") or ()]
        for item in items:
            if item.alias_or_name.lower() == alias.lower() and isinstance(item, exp.Table):
                return str(item.name).lower()
        return ""

    def to_float(self, edit: Edit) -> str:
        """100.0 written as 100, where the arithmetic is with floats anyway."""
        parent = edit.node.parent
        if not isinstance(parent, (exp.Mul, exp.Div)):
            return ""
        other = parent.expression if parent.this is edit.node else parent.this
        return "the other operand is a float" if self._columns.is_float(other) else ""

    def cast(self, edit: Edit) -> str:
        """AVG reads text as a float in the very way that CAST … AS REAL does."""
        real = edit.node.args["to"].sql("sqlite").upper() in ("REAL", "FLOAT", "DOUBLE")
        inside = isinstance(edit.node.parent, exp.Avg)
        return "AVG converts in the same way" if real and inside else ""

    def rank(self, edit: Edit) -> str:
        """RANK and DENSE_RANK, where only the first place is asked for."""
        written = [node.sql("sqlite").upper() for node in (edit.node, edit.new) if node is not None]
        names = {text.rstrip("()") for text in written}
        window = edit.node.parent
        alias = window.parent if window is not None else None
        if names != {"RANK", "DENSE_RANK"} or not isinstance(alias, exp.Alias):
            return ""
        root = edit.node.root()
        uses = [c for c in root.find_all(exp.Column) if c.name.lower() == alias.alias.lower()]
        first = [c for c in uses if isinstance(c.parent, exp.EQ) and c.parent.expression.sql() == "1"]
        return "only the first place is asked for" if uses and len(first) == len(uses) else ""
