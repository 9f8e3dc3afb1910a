"""Mistakes in values: constants, patterns, arithmetic, conversions, CASE, functions."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from sqlglot import exp

from data.suite.mutation.edits import Edit, Node, replaced

_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_LOST_FUNCTIONS = (exp.Round, exp.Abs, exp.Lower, exp.Upper, exp.Trim, exp.Cast)
_COUNTS = (exp.Limit, exp.Offset, exp.Ordered, exp.Group)
_FORMATS = {"%Y": "%m", "%m": "%Y", "%Y-%m": "%Y", "%d": "%m", "%H": "%M", "%w": "%d"}


def values(node: Node) -> Iterator[Edit]:
    """Edits of `node` itself."""
    if isinstance(node, exp.Literal):
        yield from _literal(node)
    if isinstance(node, (exp.Like, exp.Glob)) and isinstance(node.expression, exp.Literal):
        yield from _pattern(node)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        yield from _arithmetic(node)
    if isinstance(node, _LOST_FUNCTIONS):
        yield replaced(f"{node.key} lost", node, exp.Paren(this=node.this.copy()))
    if isinstance(node, exp.Coalesce):
        yield replaced("coalesce lost", node, exp.Paren(this=node.this.copy()))
    if isinstance(node, exp.Case):
        yield from _case(node)
    if isinstance(node, exp.If) and not isinstance(node.parent, exp.Case) and node.args.get("false") is not None:
        yield Edit("branches swapped", node, _swap_if)


def _literal(node: exp.Literal) -> Iterator[Edit]:
    if isinstance(node.parent, _COUNTS):
        return
    if isinstance(node.parent, (exp.Select, exp.SetOperation)):  # SELECT 1 of an EXISTS
        return
    if not node.is_string:
        yield from _number(node)
        return
    text = str(node.this)
    if text in _FORMATS:
        yield replaced("date part", node, exp.Literal.string(_FORMATS[text]))
        return
    if isinstance(node.parent, (exp.Like, exp.Glob, exp.DPipe, exp.TimeToStr)) or not text.strip():
        return
    if _DATE.match(text):
        for days in (-1, 1):
            try:
                moved = datetime.date.fromisoformat(text) + datetime.timedelta(days)
            except (ValueError, OverflowError):
                return
            yield replaced("constant", node, exp.Literal.string(moved.isoformat()))
    elif text.isdigit():
        for step in (-1, 1):
            yield replaced("constant", node, exp.Literal.string(str(int(text) + step).zfill(len(text))))
    elif isinstance(node.parent, (exp.EQ, exp.NEQ, exp.In)) and text.swapcase() != text:
        yield replaced("constant's case", node, exp.Literal.string(text.swapcase()))


def _number(node: exp.Literal) -> Iterator[Edit]:
    text = str(node.this)
    factor = isinstance(node.parent, (exp.Mul, exp.Div))
    if text.isdigit():
        if isinstance(node.parent, exp.Div):
            yield replaced("float for integer", node, exp.Literal.number(f"{text}.0"))
        for step in (-1, 1):
            value = int(text) + step
            if value >= 0 and not (factor and value == 0):
                yield replaced("constant", node, exp.Literal.number(value))
    elif re.fullmatch(r"\d+\.\d+", text):
        if text.endswith(".0"):
            yield replaced("integer for float", node, exp.Literal.number(int(float(text))))
        else:
            step_size = 10.0 ** -len(text.split(".")[1])
            for moved in (float(text) - step_size, float(text) + step_size):
                yield replaced("constant", node, exp.Literal.number(f"{moved:.6g}"))


def _pattern(node: exp.Like | exp.Glob) -> Iterator[Edit]:
    any_text = "%" if isinstance(node, exp.Like) else "*"
    pattern = str(node.expression.this)
    starts, ends = pattern.startswith(any_text), pattern.endswith(any_text)
    changed = {pattern[1:] if starts else any_text + pattern, pattern[:-1] if ends else pattern + any_text}
    for other in sorted(changed - {"", pattern}):
        yield replaced("pattern anchor", node.expression, exp.Literal.string(other))
    core = pattern.replace(any_text, "")
    if not re.search(r"[_%*?\[\]]", core) and core:
        if isinstance(node, exp.Like) and core.lower() != core.upper():
            glob = exp.Glob(this=node.this.copy(), expression=exp.Literal.string(pattern.replace("%", "*")))
            yield replaced("pattern's case", node, glob)
        if starts or ends:
            yield replaced(
                "pattern to equality", node, exp.EQ(this=node.this.copy(), expression=exp.Literal.string(core))
            )


def _arithmetic(node: exp.Binary) -> Iterator[Edit]:
    others: dict[type[exp.Binary], type[exp.Binary]] = {
        exp.Add: exp.Sub,
        exp.Sub: exp.Add,
        exp.Mul: exp.Div,
        exp.Div: exp.Mul,
    }
    yield replaced("arithmetic", node, others[type(node)](this=node.this.copy(), expression=node.expression.copy()))
    if isinstance(node, (exp.Sub, exp.Div)):
        left, right = exp.Paren(this=node.expression.copy()), exp.Paren(this=node.this.copy())
        yield replaced("operands swapped", node, type(node)(this=left, expression=right))
    for side, name in ((node.this, "right"), (node.expression, "left")):
        yield replaced(f"{name} operand lost", node, exp.Paren(this=side.copy()))


def _case(node: exp.Case) -> Iterator[Edit]:
    branches = node.args["ifs"]
    if len(branches) > 1:
        for branch in branches:
            yield Edit("case branch lost", branch, lambda twin: twin.pop())
        yield Edit("case branches swapped", node, _swap_case)
    default = node.args.get("default")
    if default is not None and not isinstance(default, exp.Null):
        yield Edit("case else lost", node, lambda twin: twin.set("default", None))
        yield Edit("branches swapped", node, _swap_default)


def _swap_case(twin: Node) -> None:
    first, second = twin.args["ifs"][:2]
    one, two = first.args["true"].copy(), second.args["true"].copy()
    first.set("true", two)
    second.set("true", one)


def _swap_default(twin: Node) -> None:
    branch = twin.args["ifs"][-1]
    one, two = branch.args["true"].copy(), twin.args["default"].copy()
    branch.set("true", two)
    twin.set("default", one)


def _swap_if(twin: Node) -> None:
    one, two = twin.args["true"].copy(), twin.args["false"].copy()
    twin.set("true", two)
    twin.set("false", one)
