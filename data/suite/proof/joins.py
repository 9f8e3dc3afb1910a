"""Joins: where an inner and a left join give the same, and where a join adds nothing."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from data.suite.mutation.edits import Edit
from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.facts import Facts
from data.suite.proof.nodes import bare, conjuncts


def join_rule(edit: Edit, facts_of: Callable[[exp.Select], Facts], scopes: Scopes, profile: Profile) -> str:
    """Why a change of a join changes nothing; "" where that isn't proved."""
    join = edit.node
    select = join.parent
    if not isinstance(join, exp.Join) or not isinstance(select, exp.Select):
        return ""
    alias = join.alias_or_name.lower()
    if edit.kind in ("inner to left join", "left to inner join") and _needed(join, select, scopes, profile, alias):
        return "rows without a partner are dropped later"
    found = _partner(join, select, scopes, profile)
    if not found:
        return ""
    if edit.kind in ("inner to left join", "left to inner join"):
        return found
    return ""


def _needed(join: exp.Join, select: exp.Select, scopes: Scopes, profile: Profile, alias: str) -> bool:
    """Whether WHERE, or an inner join behind this one, keeps a column of the joined source from being NULL."""
    facts = _LaterFacts(select, scopes, profile, join)
    return any(name.startswith(alias + ".") for name in facts.rejected)


class _LaterFacts(Facts):
    """Facts from the conditions behind one join only."""

    def __init__(self, select: exp.Select, scopes: Scopes, profile: Profile, join: exp.Join) -> None:
        self._join = join
        super().__init__(select, scopes, profile)

    def _read(self, matched: frozenset[str]) -> None:
        joins = self.select.args.get("joins") or []
        behind = False
        for join in joins:
            if join is self._join:
                behind = True
            elif behind and not join.side:
                for condition in conjuncts(join.args.get("on")):
                    self._condition(condition)
            elif behind:
                break  # a left join keeps what stands before it; inner ones behind it are rare
        where = self.select.args.get("where")
        if where is not None:
            for condition in conjuncts(where.this):
                self._condition(condition)


def _partner(join: exp.Join, select: exp.Select, scopes: Scopes, profile: Profile) -> str:
    """Whether every row has a partner: the condition is a foreign key that holds and isn't NULL."""
    table = profile.tables.get(scopes.table_of(join.this).lower())
    facts = Facts(select, scopes, profile)
    pairs = _key_pairs(join, facts)
    sources = {child.split(".", 1)[0] for child in pairs.values()}
    if table is None or len(sources) != 1:
        return ""
    source = sources.pop()
    if source in facts.optional or source not in _aliases_before(select, join):
        return ""
    # A condition of this very join must not be what keeps the foreign key from being NULL.
    later = _LaterFacts(select, scopes, profile, join)
    wanted: set[tuple[str, str]] = set()
    child_table = None
    for parent, child in pairs.items():
        column = child.split(".", 1)[1]
        if facts.sources[source].columns.get(column, True) and child not in later.rejected:
            return ""
        stored, name = _stored(select, source, column, scopes)
        child_table = profile.tables.get(stored)
        if child_table is None or (wanted and len(pairs) > 1 and facts.sources[source].table != stored):
            return ""
        wanted.add((name, parent))
    for reference in child_table.references if child_table is not None else ():
        pairing = set(zip(reference.columns, reference.parent_columns, strict=True))
        if reference.holds and reference.parent == table.name.lower() and pairing == wanted:
            return "every row has a partner by the foreign key"
    return ""


def _stored(select: exp.Select, alias: str, column: str, scopes: Scopes) -> tuple[str, str]:
    """The stored table and column that a source's column is, through subqueries and CTEs that hand it on as it is."""
    for _ in range(5):
        visible = next((v for v in scopes.sources(select).get(alias, ()) if v.name.lower() == column), None)
        if visible is None:
            return "", ""
        if visible.table:
            return visible.table.lower(), column
        item = scopes.item(select, alias)
        query = scopes.query_of(item) if item is not None else None
        if not isinstance(query, exp.Select):
            return "", ""
        inner = next((bare(e) for e in query.expressions if e.alias_or_name.lower() == column), None)
        found = scopes.resolve(inner) if isinstance(inner, exp.Column) else None
        if found is None or found[0] is not query:
            return "", ""
        select, alias, column = query, found[1].alias.lower(), found[1].name.lower()
    return "", ""


def large_groups_only(edit: Edit, facts: Facts) -> str:
    """HAVING that drops the groups of one row, which is all that a row without a partner makes."""
    join, select = edit.node, facts.select
    having, alias = select.args.get("having"), join.alias_or_name.lower()
    if having is None or not facts.group or select.args["joins"][-1] is not join or len(select.args["joins"]) != 1:
        return ""
    known = facts.closure(facts.group)
    for other, source in facts.sources.items():
        if other != alias and not any({f"{other}.{c}" for c in key} <= known for key in source.keys):
            return ""
    for part in conjuncts(having.this):
        if not (isinstance(part.this, exp.Count) and isinstance(part.expression, exp.Literal)):
            continue
        counted, number = part.this.this, int(float(part.expression.this))
        own = [c for c in counted.find_all(exp.Column) if facts.attribute(c).startswith(alias + ".")]
        lone = 0 if own and not isinstance(counted, exp.Star) else 1
        kept = {exp.GT: lone > number, exp.GTE: lone >= number, exp.EQ: lone == number}
        if not next((holds for kind, holds in kept.items() if isinstance(part, kind)), True):
            return "a row without a partner makes a group that HAVING drops"
    return ""


def _key_pairs(join: exp.Join, facts: Facts) -> dict[str, str]:
    """By column of the joined source, what it must equal; nothing where the condition is more than that."""
    alias = join.alias_or_name.lower()
    pairs: dict[str, str] = {}
    for condition in conjuncts(join.args.get("on")):
        if not isinstance(condition, exp.EQ):
            return {}
        sides = [condition.this, condition.expression]
        if not all(isinstance(side, exp.Column) for side in sides):
            return {}
        names = [facts.attribute(side) for side in sides]
        own = [i for i, name in enumerate(names) if name.startswith(alias + ".")]
        if len(own) != 1 or "." not in names[1 - own[0]]:
            return {}
        pairs[names[own[0]].split(".", 1)[1]] = names[1 - own[0]]
    return pairs


def _aliases_before(select: exp.Select, join: exp.Join) -> set[str]:
    origin = select.args.get("from_")
    found = {origin.this.alias_or_name.lower()} if origin is not None else set()
    for other in select.args.get("joins") or ():
        if other is join:
            break
        found.add(other.alias_or_name.lower())
    return found
