"""Rewritings that look right and aren't: equal as long as there is no tie, no NULL, no duplicate, nothing empty."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from data.suite.mutation.edits import Edit, Node, replaced
from data.suite.mutation.scopes import Scopes, Visible
from sqlenv.sqlite.schema import Schema


def rewrites(node: Node, scopes: Scopes, schema: Schema) -> Iterator[Edit]:
    """Edits of `node` itself."""
    yield from _rows(node, scopes, schema)
    yield from _nothing(node)
    if isinstance(node, exp.In) and node.args.get("query") is not None:
        yield from _membership(node)
    if isinstance(node, exp.Not) and isinstance(node.this, exp.Exists):
        yield from _not_exists(node)


def _rows(node: Node, scopes: Scopes, schema: Schema) -> Iterator[Edit]:
    if isinstance(node, exp.Select):
        yield from _extremes(node)
        yield from _groups(node, scopes, schema)
        yield from _null_rows(node)
    elif isinstance(node, exp.Ordered):
        yield from _sorting(node, scopes)
    elif isinstance(node, exp.SetOperation):
        yield from _one_select(node)
    elif isinstance(node, (exp.NEQ, exp.Is, exp.EQ, exp.Not)):
        yield from _nulls(node, scopes, schema)


def _nothing(node: Node) -> Iterator[Edit]:
    """Aggregates and arithmetic that take NULL, or nothing at all, for 0."""
    if isinstance(node, (exp.Sum, exp.Avg)) and isinstance(node.this, exp.Column):
        zero = exp.Coalesce(this=node.this.copy(), expressions=[exp.Literal.number(0)])
        yield replaced("null taken for 0", node, type(node)(this=zero))
    if (
        isinstance(node, exp.Sum)
        and not isinstance(node.this, exp.Distinct)
        and not isinstance(node.parent, exp.Window)
    ):
        yield replaced("total for sum", node, exp.Anonymous(this="TOTAL", expressions=[node.this.copy()]))
    if isinstance(node, exp.Sub):
        for side in (node.this, node.expression):
            if isinstance(side, exp.Column):
                zero = exp.Coalesce(this=side.copy(), expressions=[exp.Literal.number(0)])
                yield replaced("null taken for 0", side, zero)
    if isinstance(node, exp.Avg) and not isinstance(node.this, exp.Distinct):
        total = exp.Mul(this=exp.Sum(this=node.this.copy()), expression=exp.Literal.number("1.0"))
        yield replaced("average over all rows", node, exp.Div(this=total, expression=exp.Count(this=exp.Star())))


def _extremes(node: exp.Select) -> Iterator[Edit]:
    """ORDER BY x DESC LIMIT 1 for `x = (SELECT MAX(x) …)`, which gives but one of the tied rows; and the reverse."""
    where, order, limit = node.args.get("where"), node.args.get("order"), node.args.get("limit")
    plain = not any(node.args.get(name) for name in ("group", "having", "distinct", "offset"))
    if not plain:
        return
    if where is not None and order is None and limit is None:
        for part in _parts(where.this):
            query = part.args.get("expression")
            inner = query.this if isinstance(query, exp.Subquery) else None
            if isinstance(part, exp.EQ) and isinstance(inner, exp.Select) and len(inner.expressions) == 1:
                extreme = inner.expressions[0]
                if isinstance(extreme, (exp.Max, exp.Min)):
                    yield replaced("extreme to first row", node, _first_row(node, part, isinstance(extreme, exp.Max)))
    if order is not None and len(order.expressions) == 1 and limit is not None and limit.expression.sql() == "1":
        term = order.expressions[0]
        if isinstance(term.this, exp.Column) and not node.find(exp.AggFunc):
            yield replaced("first row to extreme", node, _all_extreme(node, term))
    if (
        order is not None
        and len(order.expressions) == 1
        and limit is not None
        and isinstance(limit.expression, exp.Literal)
    ):
        term, count = order.expressions[0], str(limit.expression.this)
        if isinstance(term.this, exp.Column) and not node.find(exp.AggFunc) and count.isdigit() and int(count) > 1:
            yield replaced("limit with ties", node, _with_ties(node, term, int(count)))
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Min) and not node.expressions[0].expressions:
        changed = node.copy()
        value = node.expressions[0].this
        changed.set("expressions", [value.copy()])
        changed.set("order", exp.Order(expressions=[exp.Ordered(this=value.copy(), nulls_first=True)]))
        changed.set("limit", exp.Limit(expression=exp.Literal.number(1)))
        yield replaced("minimum to first row", node, changed)


def _parts(node: Node) -> list[Node]:
    return [*_parts(node.left), *_parts(node.right)] if isinstance(node, exp.And) else [node]


def _without(condition: Node, part: Node) -> Node | None:
    kept = [other.copy() for other in _parts(condition) if other is not part]
    return exp.and_(*kept) if kept else None


def _first_row(node: exp.Select, part: Node, largest: bool) -> Node:
    changed = node.copy()
    rest = _without(node.args["where"].this, part)
    changed.set("where", exp.Where(this=rest) if rest is not None else None)
    term = exp.Ordered(this=part.this.copy(), desc=largest, nulls_first=not largest)
    changed.set("order", exp.Order(expressions=[term]))
    changed.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    return changed


def _all_extreme(node: exp.Select, term: Node) -> Node:
    changed = node.copy()
    inner = node.copy()
    kind = exp.Max if term.args.get("desc") else exp.Min
    inner.set("expressions", [kind(this=term.this.copy())])
    for name in ("order", "limit"):
        inner.set(name, None)
        changed.set(name, None)
    inner.set("with_", None)
    extreme = exp.EQ(this=term.this.copy(), expression=exp.Subquery(this=inner))
    return changed.where(extreme, copy=False)


def _with_ties(node: exp.Select, term: Node, count: int) -> Node:
    """All rows that tie with the last one."""
    last = node.copy()
    last.set("expressions", [term.this.copy()])
    last.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    last.set("offset", exp.Offset(expression=exp.Literal.number(count - 1)))
    last.set("with_", None)
    changed = node.copy()
    changed.set("limit", None)
    descending = term.args.get("desc")
    kind = exp.GTE if descending else exp.LTE
    within: Node = kind(this=term.this.copy(), expression=exp.Subquery(this=last))
    if not descending:  # NULL comes first
        within = exp.Or(this=within, expression=exp.Is(this=term.this.copy(), expression=exp.Null()))
    return changed.where(within, copy=False)


def _null_rows(node: exp.Select) -> Iterator[Edit]:
    """Rows left out where what is sorted or aggregated is NULL; one row of NULL where there is none."""
    order, group = node.args.get("order"), node.args.get("group")
    named: dict[str, exp.Column] = {}
    if order is not None and node.args.get("limit") is not None:
        named |= {t.this.sql(): t.this for t in order.expressions if isinstance(t.this, exp.Column)}
    if group is not None:
        for aggregate in node.find_all(exp.Sum, exp.Avg, exp.Min, exp.Max):
            if isinstance(aggregate.this, exp.Column) and aggregate.find_ancestor(exp.Select) is node:
                named[aggregate.this.sql()] = aggregate.this
    for column in named.values():
        present = exp.Not(this=exp.Is(this=column.copy(), expression=exp.Null()))
        yield replaced("rows with null left out", node, node.where(present))
    plain = not any(node.args.get(name) for name in ("group", "order", "limit", "distinct", "joins"))
    if plain and node.parent is None and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Column):
        changed = node.copy()
        changed.set("expressions", [exp.Max(this=node.expressions[0].copy())])
        yield replaced("greatest for all", node, changed)


def _sorting(node: exp.Ordered, scopes: Scopes) -> Iterator[Edit]:
    """Texts sorted without case, numbers sorted as texts."""
    found = scopes.resolve(node.this) if isinstance(node.this, exp.Column) else None
    if found is None or not found[1].table:
        return
    if found[1].family == "text":
        yield replaced("sorted without case", node.this, exp.Lower(this=node.this.copy()))
    elif found[1].family == "number":
        text = exp.Cast(this=node.this.copy(), to=exp.DataType.build("text"))
        yield replaced("numbers sorted as text", node.this, text)


def _groups(node: exp.Select, scopes: Scopes, schema: Schema) -> Iterator[Edit]:
    """Groups by what is shown in place of the key, and by the key in place of what is shown."""
    group = node.args.get("group")
    if group is None:
        return
    shown = [e.this if isinstance(e, exp.Alias) else e for e in node.expressions]
    plain = [item for item in shown if isinstance(item, exp.Column) and not isinstance(item.this, exp.Star)]
    if plain and {c.sql() for c in plain} != {e.sql() for e in group.expressions}:
        yield replaced("group by what is shown", group, exp.Group(expressions=[c.copy() for c in plain]))
    for column in group.expressions:
        if isinstance(column, exp.Column) and (known := scopes.resolve(column)) and known[1].family == "text":
            yield replaced("grouped without case", column, exp.Lower(this=column.copy()))
        found = scopes.resolve(column) if isinstance(column, exp.Column) else None
        if found is None or not found[1].table:
            continue
        table = schema.find(found[1].table)
        keys = [c.name for c in table.columns if c.key == "PK"] if table is not None else []
        if len(keys) == 1 and keys[0].lower() != found[1].name.lower():
            yield replaced("group by the key", column, Visible(found[1].alias, keys[0], "").node())


def _one_select(node: exp.SetOperation) -> Iterator[Edit]:
    """`… WHERE p INTERSECT … WHERE q` as one SELECT with p AND q; likewise OR for UNION, AND NOT for EXCEPT."""
    left, right = node.this, node.expression
    if not (isinstance(left, exp.Select) and isinstance(right, exp.Select)):
        return
    sides = [side.args.get("where") for side in (left, right)]
    if sides[0] is None or sides[1] is None or any(side.args.get("group") for side in (left, right)):
        return
    bare = [side.copy() for side in (left, right)]
    for side in bare:
        side.set("where", None)
    if bare[0].sql() != bare[1].sql():
        return
    one, two = (exp.Paren(this=side.this.copy()) for side in sides if side is not None)
    if isinstance(node, exp.Intersect):
        condition: Node = exp.And(this=one, expression=two)
    elif isinstance(node, exp.Except):
        condition = exp.And(this=one, expression=exp.Not(this=two))
    else:
        condition = exp.Or(this=one, expression=two)
    for distinct in (True, False):
        merged = bare[0].copy()
        merged.set("where", exp.Where(this=condition.copy()))
        merged.set("distinct", exp.Distinct() if distinct else None)
        for name in ("order", "limit", "offset", "with_"):
            if node.args.get(name) is not None:
                merged.set(name, node.args[name].copy())
        yield replaced("set operation to condition", node, merged)


def _nulls(node: Node, scopes: Scopes, schema: Schema) -> Iterator[Edit]:
    """`x <> 'a'` that takes NULL too, `x IS NULL` that takes '' and 0, `=` that ignores case."""
    if isinstance(node, exp.NEQ) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Literal):
        both = exp.Or(this=node.copy(), expression=exp.Is(this=node.this.copy(), expression=exp.Null()))
        yield replaced("null taken for another value", node, exp.Paren(this=both))
    if isinstance(node, exp.EQ) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Literal):
        text = str(node.expression.this)
        if node.expression.is_string and text.lower() != text.upper() and not set(text) & {"%", "_"}:
            like = exp.Like(this=node.this.copy(), expression=node.expression.copy())
            yield replaced("equality without case", node, like)
            for pattern in (f"{text}%", f"%{text}%"):
                like = exp.Like(this=node.this.copy(), expression=exp.Literal.string(pattern))
                yield replaced("equality to pattern", node, like)
    if isinstance(node, exp.Not) and isinstance(node.this, (exp.Like, exp.Glob)):
        either = exp.Or(this=node.copy(), expression=exp.Is(this=node.this.this.copy(), expression=exp.Null()))
        yield replaced("null taken for another value", node, exp.Paren(this=either))
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and isinstance(node.this, exp.Column):
        found = scopes.resolve(node.this)
        table = schema.find(found[1].table) if found is not None and found[1].table else None
        if (
            found is None
            or table is None
            or any(c.key and c.name.lower() == node.this.name.lower() for c in table.columns)
        ):
            return  # nobody takes 0 for an identifier that is missing
        blank = exp.Literal.number(0) if found[1].family == "number" else exp.Literal.string("")
        either = exp.Or(this=node.copy(), expression=exp.EQ(this=node.this.copy(), expression=blank))
        yield replaced("null and nothing mixed up", node, exp.Paren(this=either))


def _membership(node: exp.In) -> Iterator[Edit]:
    """NOT IN that leaves out the NULL of its list."""
    query = node.args["query"]
    select = query.this if isinstance(query, exp.Subquery) else query
    if not isinstance(node.parent, exp.Not) or not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return
    item = select.expressions[0]
    if isinstance(item, exp.Column) and not select.args.get("group"):
        present = exp.Not(this=exp.Is(this=item.copy(), expression=exp.Null()))
        yield replaced("null left out of not in", select, select.where(present))


def _not_exists(node: exp.Not) -> Iterator[Edit]:
    """`NOT EXISTS (… WHERE t.c = o.x AND p)` to `o.x NOT IN (SELECT t.c … WHERE p)`."""
    select = node.this.this
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if where is None:
        return
    own = {item.alias_or_name.lower() for item in select.find_all(exp.Table)}
    for part in _parts(where.this):
        sides = [part.this, part.args.get("expression")]
        if not isinstance(part, exp.EQ) or not all(isinstance(side, exp.Column) for side in sides):
            continue
        inner = [side for side in sides if side.table.lower() in own]
        outer = [side for side in sides if side.table and side.table.lower() not in own]
        if len(inner) == 1 and len(outer) == 1:
            changed = select.copy()
            rest = _without(where.this, part)
            changed.set("where", exp.Where(this=rest) if rest is not None else None)
            changed.set("expressions", [inner[0].copy()])
            member = exp.In(this=outer[0].copy(), query=exp.Subquery(this=changed))
            yield replaced("not exists to not in", node, exp.Not(this=member))
            return
