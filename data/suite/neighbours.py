"""Values near a constant, in the form that a column's shipped values have."""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Sequence

from data.suite.column import Column
from data.suite.hints import Constant
from sqlenv.types import SqlValue


def specials(column: Column, constants: Sequence[Constant], case_matters: bool, rng: random.Random) -> list[SqlValue]:
    """Values of a column that a query's constants make interesting: the constants themselves, and those beside them."""
    found: list[SqlValue] = []
    for constant in constants:
        if column.kind == "integer":
            found += _integers(column, constant)
        elif column.kind == "real":
            found += _reals(column, constant)
        elif column.kind == "date":
            found += _dates(column, constant, rng)
        elif column.kind == "digits":
            found += _digits(column, constant)
        elif constant.pattern:
            found += _matches(constant.text)
        else:
            found += _texts(column, constant.text, case_matters)
    plain: set[SqlValue] = {c.text for c in constants if c.is_text and not c.pattern}
    plain |= {int(c.text) for c in constants if re.fullmatch(r"-?\d+", c.text)}
    if column.closed:
        lowered = {str(value).lower() for value in {*column.values, *plain}}
        return [v for v in found if v in column.values or v in plain or (case_matters and str(v).lower() in lowered)]
    if column.shape or column.kind == "date":
        return [value for value in found if value in plain or column.could_hold(value)]
    return found


def wild(column: Column, near: SqlValue, rng: random.Random) -> SqlValue:
    """A value that the shipped rows lack but could have: beyond the extremes, between values, a text like `near`."""
    if column.kind == "integer":
        low, high = int(min(column.lowest, 0)), int(column.highest)
        return rng.choice(
            (0, 1, 2, 5, rng.randint(low, high), rng.randint(low, high), high + 1, high + rng.randint(1, 99))
        )
    if column.kind == "real":
        places = column.decimals + rng.choice((0, 1, 2))
        around = rng.choice((0.0, 0.5, rng.uniform(min(column.lowest, 0.0), column.highest), column.highest + 1.5))
        return round(around, places)
    old = str(near)
    if column.kind == "date":
        years = [int(str(value)[:4]) for value in (min(map(str, column.values)), max(map(str, column.values)))]
        year = rng.choice((years[0] - 1, rng.randint(*years), years[1] + 1, years[1] + rng.randint(1, 9)))
        return _valid(f"{max(1, year):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}{old[10:]}")
    if column.kind == "digits":
        if old.isdigit():
            return "".join(rng.choice("0123456789") for _ in range(column.width or rng.randint(1, len(old) + 1)))
        return old
    if column.shape:
        other = str(rng.choice(column.values))
        cut = rng.randrange(len(old) + 1)
        return old[:cut] + other[cut:]
    return rng.choice((old.lower(), old.upper(), old + " ", old + "s", old[:-1], f"{old} b", f"a {old}", ""))


def extremes(column: Column, near: SqlValue, rng: random.Random) -> list[SqlValue]:
    """Values at all ends of what a column could hold, for instances that look for what nobody thought of."""
    found = [wild(column, near, rng) for _ in range(3)]
    if column.kind == "integer":
        return [*found, 0, 1, int(column.highest) + 1, int(column.highest) + rng.randint(2, 99)]
    if column.kind == "real":
        return [*found, 0.0, round(column.highest + 1.25, 6)]
    if column.kind == "digits":
        zeros = "0" * (column.width or 1)
        others = [str(value) for value in column.values if not str(value).isdigit()]
        # Where something else than a number was written, other such things could be.
        return [*found, zeros, *(["", " ", others[0].swapcase(), f"{others[0]}?"] if others else [])]
    if column.kind == "text" and not column.shape:
        text = str(near)
        return [*found, text.swapcase(), text + " ", f"a {text}", text[:-1]]
    return found


def _number(constant: Constant) -> float | None:
    try:
        return float(constant.text)
    except ValueError:
        return None


def _fits_sign(column: Column, value: float) -> bool:
    return value >= 0 or column.lowest < 0


def _integers(column: Column, constant: Constant) -> list[SqlValue]:
    number = _number(constant)
    if number is None or abs(number) > 2**53:
        return []
    whole = int(number)
    near: list[SqlValue] = [whole, whole, whole - 1, whole + 1]
    return [value for value in near if isinstance(value, int) and _fits_sign(column, value)]


def _reals(column: Column, constant: Constant) -> list[SqlValue]:
    number = _number(constant)
    if number is None:
        return []
    step = 10.0**-column.decimals
    near = [number, number, round(number - step, 6), round(number + step, 6), round(number + 1, 6)]
    near += [round(number - step / 2, 6), round(number + step / 2, 6)]
    return [value for value in near if _fits_sign(column, value)]


def _digits(column: Column, constant: Constant) -> list[SqlValue]:
    if constant.pattern:
        return []
    if not re.fullmatch(r"\d+", constant.text):
        return [constant.text] if constant.is_text else []
    whole = int(constant.text)
    near = [constant.text, constant.text, *(str(n).zfill(len(constant.text)) for n in (whole - 1, whole + 1) if n >= 0)]
    return [text for text in near if column.width in (None, len(text))]


def _dates(column: Column, constant: Constant, rng: random.Random) -> list[SqlValue]:
    """Dates that agree with a constant that is a date, or a part of one: '2022', '05', '2022-05'."""
    text = constant.text.rstrip("%*").lstrip("%*")
    shipped = [str(value) for value in column.values]
    if not shipped:
        return []
    some = [rng.choice(shipped) for _ in range(2)]
    if re.fullmatch(r"\d{4}-\d\d-\d\d.*", text):
        try:
            day = datetime.date.fromisoformat(text[:10])
            days = [day, day, day - datetime.timedelta(1), day + datetime.timedelta(1)]
        except (ValueError, OverflowError):
            return []
        tail = some[0][10:]
        times = [text] if len(text) == len(some[0]) else []
        return [*times, *(d.isoformat() + tail for d in days)]
    if re.fullmatch(r"(?:1[89]|20)\d\d", text):
        years = [int(text), int(text), int(text) - 1, int(text) + 1]
        ends = [f"{text}-01-01{some[0][10:]}", f"{text}-12-31{some[0][10:]}"]
        return [*(_valid(f"{year:04}{some[0][4:]}") for year in years), *ends]
    found: list[SqlValue] = []
    if re.fullmatch(r"\d{4}-\d\d-?", text):
        found += [_valid(f"{text[:7]}{old[7:]}") for old in some]
    if re.fullmatch(r"\d{1,2}", text):
        part = int(text)
        if 1 <= part <= 12:
            found += [_valid(f"{old[:5]}{part:02}{old[7:]}") for old in some]
    return found


def _valid(text: str) -> str:
    """The date itself, or the 28th where its month has no such day."""
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return f"{text[:8]}28{text[10:]}"
    return text


def _texts(column: Column, text: str, case_matters: bool) -> list[SqlValue]:
    found: list[SqlValue] = [text, text, text]
    if not text or (column.closed and not case_matters):
        return found
    found += [text.upper(), text.lower()] if case_matters else [text.swapcase()]
    if not column.closed and not column.shape:
        found += [text + "s", "a " + text, text[:-1] or text]
    return found


def _matches(pattern: str) -> list[SqlValue]:
    """Texts that a pattern takes, and some that it just doesn't."""
    if "[" in pattern:
        return []
    core = re.sub(r"[%*]", "", pattern).replace("_", "x").replace("?", "x")
    if not core:
        return []
    inner = re.sub(r"[%*]", " q ", pattern.strip("%*")).replace("_", "x").replace("?", "x")
    near = [core, inner, f"{core} b", f"a {core}", f"a {core} b", f"a {inner} b", core[:-1], core[1:]]
    return [text for text in [*near, core.lower(), core.upper(), f"{core}b", f"a{core}"] if text]
