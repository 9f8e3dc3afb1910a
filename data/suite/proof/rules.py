"""Why an edit changes nothing: one rule for each kind of edit, on the facts of the SELECT that it is in."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from data.suite.hints import Hints
from data.suite.mutation.edits import Edit, is_membership
from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.columns import ColumnRules
from data.suite.proof.domains import Domains
from data.suite.proof.facts import Facts
from data.suite.proof.joins import join_rule, large_groups_only
from data.suite.proof.nodes import bare
from data.suite.proof.rewrites import RewriteRules
from data.suite.proof.values import ValueRules

ONE_ROW = "there is one row at most"


class Prover:
    """Proofs for the edits of one query."""

    def __init__(self, scopes: Scopes, profile: Profile, hints: Hints) -> None:
        self._scopes = scopes
        self._profile = profile
        self._facts: dict[int, Facts] = {}
        self._domains = Domains(scopes, profile, hints, self.facts)
        self._columns = ColumnRules(scopes, profile, self.facts)
        values = ValueRules(scopes, self._domains, self._columns)
        alike = RewriteRules(scopes, profile, self._domains, self._columns, self.facts)
        self._rules: dict[str, Callable[[Edit], str]] = {
            "distinct added": self._distinct,
            "distinct lost": self._distinct,
            "comparison": values.comparison,
            "constant": values.comparison,
            "pattern anchor": values.comparison,
            "equality without case": values.comparison,
            "equality to pattern": values.comparison,
            "null taken for 0": alike.zero,
            "total for sum": alike.total,
            "grouped without case": alike.same_case,
            "sorted without case": alike.sorted_case,
            "rows with null left out": alike.left_out,
            "null taken for another value": alike.null_alternative,
            "null and nothing mixed up": alike.blank,
            "null left out of not in": alike.not_in,
            "average over all rows": alike.average,
            "not exists to not in": alike.not_exists,
            "group by what is shown": alike.other_groups,
            "group by the key": alike.other_group,
            "conjunct lost": self._conjunct,
            "where lost": self._conjunct,
            "having lost": self._having,
            "count(*) to count": self._count,
            "count to count(*)": self._count,
            "count(*) to count distinct": self._count_distinct,
            "count to count distinct": self._count_distinct,
            "count distinct to count": self._count_distinct,
            "count distinct to count(*)": self._count_distinct,
            "group by extra column": self._group_extra,
            "group by column lost": self._group_lost,
            "group by lost": self._group_whole,
            "aggregate": self._aggregate,
            "distinct added in aggregate": self._single,
            "order by lost": self._order,
            "sort direction": self._term,
            "sort key lost": self._term,
            "sort keys swapped": self._order,
            "limit": self._limit,
            "limit lost": self._limit,
            "integer for float": values.to_float,
            "float for integer": values.to_float,
            "cast lost": values.cast,
            "window function": values.rank,
        }

    def facts(self, select: exp.Select) -> Facts:
        """The facts of a SELECT."""
        known = self._facts.get(id(select))
        if known is None:
            known = self._facts[id(select)] = Facts(select, self._scopes, self._profile)
        return known

    def prove(self, edit: Edit) -> str:
        """Why the edit changes nothing, in words; "" where that isn't proved."""
        if isinstance(edit.node, exp.Column) and isinstance(edit.new, exp.Column):
            return self._columns.prove(edit)
        if isinstance(edit.node, exp.Join):
            return join_rule(edit, self.facts, self._scopes, self._profile) or self._unmatched(edit)
        rule = self._rules.get(edit.kind)
        return rule(edit) if rule is not None else ""

    def _unmatched(self, edit: Edit) -> str:
        """Rows without a partner, of which aggregates over the whole see nothing but NULL."""
        join, select = edit.node, edit.node.parent
        if edit.kind not in ("inner to left join", "left to inner join") or not isinstance(select, exp.Select):
            return ""
        facts = self.facts(select)
        if reason := large_groups_only(edit, facts):
            return reason
        later = select.args["joins"][-1] is not join
        if later or facts.group != [] or select.args.get("having") is not None:
            return ""
        alias = join.alias_or_name.lower()
        if all(self._columns.absorbs_source(item, alias, facts) for item in select.expressions):
            return "aggregates leave NULL out"
        return ""

    def _of(self, edit: Edit) -> Facts | None:
        select = edit.node if isinstance(edit.node, exp.Select) else edit.node.find_ancestor(exp.Select)
        return self.facts(select) if isinstance(select, exp.Select) else None

    def _distinct(self, edit: Edit) -> str:
        facts = self._of(edit)
        if facts is None:
            return ""
        if facts.distinct_rows():
            return "no row comes twice"
        limit, order = facts.select.args.get("limit"), facts.select.args.get("order")
        if limit is not None and limit.expression.sql() == "1" and not facts.select.args.get("offset"):
            terms = [facts.term(term.this, False) for term in order.expressions] if order is not None else []
            known = facts.closure([bare(item) for item in facts.select.expressions])
            texts = {bare(item).sql("sqlite").lower() for item in facts.select.expressions}
            if all(facts.determined(term, known) or term.sql("sqlite").lower() in texts for term in terms):
                return "the first row is the same"
        return ""

    def _conjunct(self, edit: Edit) -> str:
        """A lost `x IS NOT NULL` where x is never NULL anyway, or NULL is of no consequence."""
        if isinstance(edit.node, exp.Where):
            lost = edit.node.this
        else:
            assert edit.new is not None
            left, right = edit.node.this, edit.node.args["expression"]
            lost = right if edit.new == left else left
        lost = bare(lost)
        if not (isinstance(lost, exp.Not) and isinstance(bare(lost.this), exp.Is)):
            return ""
        tested = bare(lost.this)
        if not isinstance(tested.expression, exp.Null):
            return ""
        return self._columns.null_test(tested.this, lost)

    def _having(self, edit: Edit) -> str:
        condition = bare(edit.node.this)
        if isinstance(condition, (exp.GT, exp.GTE, exp.NEQ)) and isinstance(condition.expression, exp.Literal):
            always = exp.GTE(this=condition.this.copy(), expression=exp.Literal.number(0))
            return "always true" if self._domains.same(condition, always) else ""
        return ""

    def _count(self, edit: Edit) -> str:
        facts = self._of(edit)
        other = edit.new if isinstance(edit.node.this, exp.Star) else edit.node
        assert other is not None
        counted = self._attached(other.this, edit)
        return "the column is never NULL" if facts is not None and facts.never_null(counted) else ""

    def _attached(self, node: exp.Expr, edit: Edit) -> exp.Expr:
        """A new node with the place of the old one, so that names in it resolve."""
        return self._columns.attached(node, edit.node)

    def _count_distinct(self, edit: Edit) -> str:
        facts = self._of(edit)
        if facts is None or edit.new is None:
            return ""
        sides = [edit.node.this, edit.new.this]
        distinct = next((side for side in sides if isinstance(side, exp.Distinct)), None)
        if distinct is None or len(distinct.expressions) != 1:
            return ""
        counted = self._attached(distinct.expressions[0], edit)
        if any(isinstance(side, exp.Star) for side in sides) and not facts.never_null(counted):
            return ""
        # Rows in which the counted column is NULL aren't counted: of a LEFT JOIN only partners matter.
        name = facts.attribute(counted)
        alias = name.split(".", 1)[0]
        if alias in facts.optional:
            facts = Facts(facts.select, self._scopes, self._profile, matched=frozenset({alias}))
        given: list[exp.Expr | str] = [name, *(facts.group or [])]
        return "no value comes twice in a group" if facts.identifies(given) else ""

    def _group_extra(self, edit: Edit) -> str:
        select = edit.node.find_ancestor(exp.Select)
        if not isinstance(select, exp.Select) or edit.new is None:
            return ""
        facts = self.facts(select)
        extra = self._columns.attached(edit.new, edit.node)
        known = facts.closure(facts.group or [])
        return "the groups determine it" if facts.determined(extra, known) else ""

    def _group_lost(self, edit: Edit) -> str:
        facts = self._of(edit)
        group = edit.node.parent
        if facts is None or not isinstance(group, exp.Group):
            return ""
        rest = [facts.term(e, True) for e in group.expressions if e is not edit.node]
        known = facts.closure(rest)
        return "the other columns determine it" if facts.determined(facts.term(edit.node, True), known) else ""

    def _group_whole(self, edit: Edit) -> str:
        facts = self._of(edit)
        if facts is None or not is_membership(facts.select):
            return ""
        aggregates = [item for item in facts.select.expressions if item.find(exp.AggFunc) is not None]
        return "" if aggregates else "only membership counts"

    def _single(self, edit: Edit) -> str:
        facts = self._of(edit)
        if facts is not None and facts.group and facts.identifies(facts.group):
            return "each group has one row"
        return ""

    def _aggregate(self, edit: Edit) -> str:
        if {type(edit.node), type(edit.new)} <= {exp.Min, exp.Max} and not edit.node.expressions:
            return self._single(edit)
        return ""

    def _order(self, edit: Edit) -> str:
        facts = self._of(edit)
        return ONE_ROW if isinstance(edit.node, exp.Select) and facts is not None and facts.one_row() else ""

    def _term(self, edit: Edit) -> str:
        order = edit.node.parent
        select = order.parent if order is not None else None
        if not isinstance(select, exp.Select):
            return ""
        facts = self.facts(select)
        if facts.one_row():
            return ONE_ROW
        terms = [facts.term(term.this, False) for term in order.expressions]  # type: ignore[union-attr]
        place = next(i for i, term in enumerate(order.expressions) if term is edit.node)  # type: ignore[union-attr]
        known = facts.closure(terms[:place])
        if facts.determined(terms[place], known):
            return "the keys before it determine it"
        if place and facts.group and all(facts.determined(e, known) for e in facts.group):
            return "the keys before it determine the row"
        return ""

    def _limit(self, edit: Edit) -> str:
        node = edit.node if isinstance(edit.node, exp.Select) else edit.node.find_ancestor(exp.Select)
        if not isinstance(node, exp.Select):
            return ""
        holder = node.parent
        places = (exp.Binary, exp.Paren, exp.Select, exp.Alias, exp.Func, exp.Between)
        scalar = isinstance(holder, exp.Subquery) and isinstance(holder.parent, places)
        if scalar and not node.args.get("offset"):
            return "a scalar subquery gives its first row"
        return ONE_ROW if self.facts(node).one_row() and not node.args.get("offset") else ""


def prover(profile: Profile, hints: Hints) -> Callable[[exp.Expr, Scopes], Callable[[Edit], str]]:
    """What `data.suite.mutants.mutants` takes as its `prover`."""

    def start(tree: exp.Expr, scopes: Scopes) -> Callable[[Edit], str]:
        return Prover(scopes, profile, hints).prove

    return start
