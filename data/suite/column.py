"""One column of a shipped table: what its values look like, so that new ones look the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlenv.types import SqlValue

MIN_FLAG_ROWS = 6
"""A column with two short values in at least so many rows is a flag: it takes no third one."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?\Z")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `kind` is what its shipped values are: integer, real, digits (text), date (text), text, or mixed."""

    name: str
    not_null: bool
    closed: bool
    kind: str
    values: tuple[SqlValue, ...]  # distinct and not NULL, in the order of the sampled rows
    declared: str = ""  # its type as declared, in upper case
    lowest: float = 0.0  # of numbers
    highest: float = 0.0
    decimals: int = 0
    least: float | None = None  # by CHECK
    most: float | None = None
    width: int | None = None  # of digits, where all have the same
    shape: str = ""  # of texts, where all have the same and there are digits in it: "9999-A" for 2024-B

    def could_hold(self, value: SqlValue) -> bool:
        """Whether a value of another column has the form of this one's."""
        if self.kind in ("integer", "real"):
            return isinstance(value, int) or (self.kind == "real" and isinstance(value, float))
        if not isinstance(value, str) or (self.closed and value not in self.values):
            return False
        if self.kind == "date":
            return bool(self.values) and _form(value) == _form(str(self.values[0])) and bool(_DATE.match(value))
        if self.kind == "digits":
            return value in self.values or (value.isdigit() and self.width in (None, len(value)))
        return not self.shape or _form(value) == self.shape


def _form(text: str) -> str:
    """The form of a text: letters as A, digits as 9."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))


def read_column(name: str, declared: str, cells: Sequence[SqlValue], not_null: bool, checks: str) -> Column:
    """The column, from its type as declared and the cells of the sampled rows, and the table's DDL with its CHECKs."""
    listed = re.search(rf"CHECK\s*\(\s*{_named(name)}\s+IN\s*\(", checks, re.IGNORECASE) is not None
    filled = [cell for cell in cells if cell is not None]
    values = tuple(dict.fromkeys(filled))
    kind = _kind(values)
    flag = len(values) == 2 and len(filled) >= MIN_FLAG_ROWS and all(len(str(value)) <= 5 for value in values)
    closed = (
        kind == "mixed"
        or (listed and bool(values))
        or (flag and (kind == "text" or set(map(str, values)) == {"0", "1"}))
    )
    numbers = [value for value in values if isinstance(value, (int, float))]
    lengths = {len(value) for value in values if isinstance(value, str)}
    return Column(
        name,
        not_null,
        closed,
        kind,
        values,
        declared,
        lowest=min(numbers, default=0.0),
        highest=max(numbers, default=0.0),
        decimals=max((_decimals(value) for value in numbers), default=0),
        least=_bound(name, checks, True),
        most=_bound(name, checks, False),
        width=next(iter(lengths)) if kind == "digits" and len(lengths) == 1 else None,
        shape=_shape(values) if kind == "text" else "",
    )


def _named(name: str) -> str:
    return rf"[\"`\[]?{re.escape(name)}[\"`\]]?"


def _bound(name: str, checks: str, lower: bool) -> float | None:
    """The least or the greatest value by a CHECK of the form `x > 0`, `x >= 0` or `x BETWEEN 1 AND 5`."""
    number = r"(-?\d+(?:\.\d+)?)"
    between = re.search(rf"CHECK\s*\(\s*{_named(name)}\s+BETWEEN\s+{number}\s+AND\s+{number}", checks, re.IGNORECASE)
    if between:
        return float(between[1] if lower else between[2])
    sign = ">" if lower else "<"
    found = re.search(rf"CHECK\s*\(\s*{_named(name)}\s*{sign}(=?)\s*{number}\s*\)", checks, re.IGNORECASE)
    # Beyond an excluded whole number the next one is the first; for reals that loses a proof, no more.
    return None if found is None else float(found[2]) + (0 if found[1] else (1 if lower else -1))


def _shape(values: Sequence[SqlValue]) -> str:
    """The form that all texts have, if they have one with digits: letters and digits don't change places."""
    shapes = {_form(str(value)) for value in values}
    shape = shapes.pop() if len(shapes) == 1 else ""
    return shape if "9" in shape else ""


def _kind(values: Sequence[SqlValue]) -> str:
    if all(type(value) is int for value in values):
        return "integer" if values else "text"
    if all(isinstance(value, (int, float)) for value in values):
        return "real"
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(values):
        return "mixed"
    if all(_DATE.match(text) for text in texts):
        return "date"
    # Typed by hand: mostly numbers, among them '', 'n/a' and the like.
    if sum(bool(re.fullmatch(r"\d+(?:\.\d+)?", text)) for text in texts) >= 0.7 * len(texts):
        return "digits"
    return "text"


def _decimals(value: float) -> int:
    text = f"{value:.6f}".rstrip("0")
    return len(text.split(".")[1])
