"""Numbers as people and models write them.

Read as numbers: `42`, `+7`, `-3`, `1,234,567` (separators every three digits), `42.0` and `42.` (whole numbers),
`3.14`, `.5`, `1e3`, `−5` with a typographic minus, and each with one currency sign before it: `$5`, `-€1,200.50`.

Not numbers, because that would be a change of content or a guess: a percent sign (it divides by 100), other units,
`1,23` and `1.234,5` (misplaced separators), `007` (leading zeros mark codes), words, `0x1F`, `inf`, `nan`, digits of
other scripts, and what is longer than 400 characters or beyond the floats.
"""

from __future__ import annotations

import re
from math import isfinite

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)[$€£¥]?"
    r"(?:(?P<whole>0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.(?P<fraction>[0-9]*))?|\.(?P<bare>[0-9]+))"
    r"(?P<exponent>[eE][+-]?[0-9]{1,4})?"
)
_MAX_LENGTH = 400  # also keeps int() within Python's limit on digits
_EXACT_FLOATS = 2.0**53


def read_number(text: str) -> int | float | None:
    """The number that a text is, an int where it is whole; None where it is none. Outer whitespace is ignored."""
    text = text.strip()
    if len(text) > _MAX_LENGTH:
        return None
    found = _NUMBER.fullmatch(text.replace("\u2212", "-"))
    if found is None:
        return None
    whole = (found["whole"] or "0").replace(",", "")
    fraction = found["fraction"] or found["bare"] or ""
    if not found["exponent"] and not fraction.strip("0"):
        return int(found["sign"] + whole)
    value = float(f"{found['sign']}{whole}.{fraction or '0'}{found['exponent'] or ''}")
    if not isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT_FLOATS and found["exponent"] else value
