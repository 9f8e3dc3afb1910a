"""Rewritings that are right after all: there is no NULL, or the groups are the same."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from data.suite.mutation.edits import Edit
from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.columns import PASSING, ColumnRules, is_passing
from data.suite.proof.domains import Domains
from data.suite.proof.facts import Facts
from data.suite.proof.nodes import bare, conjuncts


class RewriteRules:
    """Rules for the edits of `data.suite.mutation.rewrites`."""

    def __init__(
        self,
        scopes: Scopes,
        profile: Profile,
        domains: Domains,
        columns: ColumnRules,
        facts: Callable[[exp.Select], Facts],
    ) -> None:
        self._scopes = scopes
        self._profile = profile
        self._domains = domains
        self._columns = columns
        self._facts = facts

    def null_alternative(self, edit: Edit) -> str:
        """`x <> 'a' OR x IS NULL` where x is never NULL."""
        tested = edit.node.this.this if isinstance(edit.node, exp.Not) else edit.node.this
        select = edit.node.find_ancestor(exp.Select)
        if not isinstance(select, exp.Select):
            return ""
        # Not by the condition itself, which is what changes.
        facts = Facts(select, self._scopes, self._profile, ignored=edit.node)
        return "the column is never NULL" if facts.never_null(tested) else ""

    def blank(self, edit: Edit) -> str:
        """`x IS NULL OR x = 0` where x can't be 0."""
        assert isinstance(edit.new, exp.Paren)
        blank = edit.new.this.expression
        # Compared with what surely isn't there: equal to that on all values means that "" or 0 isn't there either.
        nothing = (
            exp.Literal.string("(no such value)") if blank.expression.is_string else exp.Literal.number(-987654321)
        )
        never = exp.EQ(this=blank.this.copy(), expression=nothing)
        attached = [self._columns.attached(side, edit.node) for side in (blank, never)]
        return "no value of the column is empty" if self._domains.same(*attached) else ""

    def not_in(self, edit: Edit) -> str:
        """NOT IN without the NULL of its list, where there is none."""
        facts = self._of(edit)
        if facts is None:
            return ""
        return "the column is never NULL" if facts.never_null(facts.select.expressions[0]) else ""

    def average(self, edit: Edit) -> str:
        """SUM(x) / COUNT(*) for AVG(x)."""
        facts = self._of(edit)
        if facts is None or not all(isinstance(node, PASSING) or is_passing(node) for node in edit.node.this.walk()):
            return ""
        columns = edit.node.this.find_all(exp.Column)
        return "the column is never NULL" if all(facts.never_null(column) for column in columns) else ""

    def other_groups(self, edit: Edit) -> str:
        """Other expressions that make the same groups."""
        select = edit.node.find_ancestor(exp.Select)
        assert edit.new is not None
        if not isinstance(select, exp.Select):
            return ""
        facts = self._facts(select)
        old = facts.group or []
        new = [self._columns.attached(e, edit.node) for e in edit.new.expressions]
        before, after = facts.closure(old), facts.closure(new)
        same = all(facts.determined(e, before) for e in new) and all(facts.determined(e, after) for e in old)
        return "both make the same groups" if same else ""

    def other_group(self, edit: Edit) -> str:
        """Another column in the place of one."""
        group = edit.node.parent
        assert isinstance(group, exp.Group)
        assert edit.new is not None
        changed = [edit.new if e is edit.node else e for e in group.expressions]
        return self.other_groups(
            Edit(edit.kind, group, edit.change, exp.Group(expressions=[e.copy() for e in changed]))
        )

    def zero(self, edit: Edit) -> str:
        """COALESCE(x, 0) where x is never NULL."""
        column = edit.node if isinstance(edit.node, exp.Column) else edit.node.this
        select = column.find_ancestor(exp.Select)
        if not isinstance(select, exp.Select):
            return ""
        facts = Facts(select, self._scopes, self._profile, ignored=self._columns.condition(column, select))
        return "the column is never NULL" if facts.never_null(column) else ""

    def total(self, edit: Edit) -> str:
        """TOTAL for SUM in groups, which have a row at least."""
        facts = self._of(edit)
        if facts is None or not facts.group:
            return ""
        return "there is something to sum" if _never_null(edit.node.this, facts) else ""

    def left_out(self, edit: Edit) -> str:
        """`WHERE x IS NOT NULL` where x is never NULL."""
        facts = self._of(edit)
        where = edit.new.args["where"].this if edit.new is not None else None
        while isinstance(where, exp.And):
            where = where.right
        if facts is None or not isinstance(where, exp.Not):
            return ""
        tested = where.this.this
        columns = [c for c in facts.select.find_all(exp.Column) if c.sql() == tested.sql()]
        return "the column is never NULL" if columns and facts.never_null(columns[0]) else ""

    def same_case(self, edit: Edit) -> str:
        """Groups of LOWER(x) where no two values of x differ by case."""
        found = self._scopes.resolve(edit.node) if isinstance(edit.node, exp.Column) else None
        if found is None:
            return ""
        column = self._profile.column(found[1].table, found[1].name)
        if column is not None:
            if column.kind == "date" or (column.shape and "A" not in column.shape):
                return "there are no letters"
            if column.closed and len({str(v).lower() for v in column.values}) == len(column.values):
                return "no two values differ by case"
        facts = self._facts(found[0])
        rest = [e for e in facts.group or [] if e is not edit.node]
        return "the other columns determine it" if facts.determined(edit.node, facts.closure(rest)) else ""

    def sorted_case(self, edit: Edit) -> str:
        """Sorted by LOWER(x) where x has no letters, or comes too late to matter."""
        found = self._scopes.resolve(edit.node) if isinstance(edit.node, exp.Column) else None
        column = self._profile.column(found[1].table, found[1].name) if found is not None else None
        if column is not None and (column.kind == "date" or (column.shape and "A" not in column.shape)):
            return "there are no letters"
        return ""

    def not_exists(self, edit: Edit) -> str:
        """NOT IN for NOT EXISTS, where neither side is ever NULL."""
        outer_facts = self._of(edit)
        member = edit.new.this if isinstance(edit.new, exp.Not) else None
        select = edit.node.this.this
        if outer_facts is None or not isinstance(member, exp.In) or not isinstance(select, exp.Select):
            return ""
        inner = member.args["query"].this.expressions[0]
        outer = member.this
        both = {inner.sql(), outer.sql()}
        for part in conjuncts(select.args["where"].this):
            if isinstance(part, exp.EQ) and {part.this.sql(), part.expression.sql()} == both:
                facts = Facts(select, self._scopes, self._profile, ignored=part)
                sides = {side.sql(): side for side in (part.this, part.expression)}
                if facts.never_null(sides[inner.sql()]) and outer_facts.never_null(sides[outer.sql()]):
                    return "neither side is ever NULL"
        return ""

    def _of(self, edit: Edit) -> Facts | None:
        select = edit.node if isinstance(edit.node, exp.Select) else edit.node.find_ancestor(exp.Select)
        return self._facts(select) if isinstance(select, exp.Select) else None


def _never_null(node: exp.Expr, facts: Facts) -> bool:
    """Whether an expression over columns is never NULL: because none of them is, or it is a test that can't be."""
    node = bare(node)
    if isinstance(node, (exp.Is, exp.Exists)):
        return True
    if isinstance(node, (exp.Not, exp.Paren)):
        return _never_null(node.this, facts)
    if isinstance(node, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul)):
        return _never_null(node.this, facts) and _never_null(node.expression, facts)
    if isinstance(node, exp.In) and node.args.get("query") is None:
        return all(_never_null(each, facts) for each in (node.this, *node.expressions))
    return facts.never_null(node)
