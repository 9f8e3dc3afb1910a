"""When two SQLite values are the same, and how numbers that may be the same are grouped.

Rules: integers equal integers exactly, at any size. Where either is a float, numbers equal within 1e-6 relative, or
1e-9 absolute near zero; an infinity equals itself; NaN (which SQLite never gives) equals NaN. NULL equals only NULL,
text only the same text, a blob only the same blob; text never equals a number.

Equality within a tolerance isn't transitive (a ~ b and b ~ c, yet not a ~ c), so it can't be hashed. `Clusters` joins
numbers to chains of neighbours: numbers of different chains are never equal, so the chain hashes; and nearly always a
chain is *tight*, all of it mutually equal, so that the hash decides alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isclose, isnan

from sqlenv.types import SqlValue

RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9


def close(a: float, b: float) -> bool:
    """Whether two numbers are within the tolerance, whatever their types."""
    try:
        return isclose(a, b, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    except OverflowError:  # an integer beyond the floats is near no float but itself
        return a == b


def equal(a: SqlValue, b: SqlValue) -> bool:
    """Whether two values are the same by the rules above. Symmetric; not transitive where floats take part."""
    if isinstance(a, (int, float)):
        if not isinstance(b, (int, float)):
            return False
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        return close(a, b) or (_is_nan(a) and _is_nan(b))
    return type(a) is type(b) and a == b


def _is_nan(number: float) -> bool:
    return isinstance(number, float) and isnan(number)  # isnan alone overflows on large integers


def has_floats(values: Iterable[SqlValue]) -> bool:
    """Whether any value is a float, that is, whether exact comparison may refuse what the rules accept."""
    return float in set(map(type, values))


class Clusters:
    """Chains of numbers in which each is close to the next.

    Numbers that are `equal` always share a chain. In a chain that isn't `loose` all numbers are `equal`.
    """

    def __init__(self, values: Iterable[SqlValue]) -> None:
        numbers = [value for value in values if isinstance(value, (int, float))]
        # NaN can't be sorted, and each NaN object is a key of its own: all get one cluster by hand.
        self._ids: dict[SqlValue, int] = {number: -1 for number in numbers if _is_nan(number)}
        integers = {number for number in numbers if isinstance(number, int)}
        loose: set[int] = set()
        cluster, first, integer_count = -1, 0.0, 0
        previous: float | None = None
        for number in sorted({number for number in numbers if not _is_nan(number)}):
            if previous is None or not close(previous, number):
                cluster, first, integer_count = cluster + 1, number, int(number in integers)
            else:
                integer_count += number in integers
                # Two integers of one chain differ, and floats at its ends may: then the chain alone proves nothing.
                if integer_count > 1 or not close(first, number):
                    loose.add(cluster)
            self._ids[number] = cluster
            previous = number
        self.loose = frozenset(loose)

    def tokens(self, values: Sequence[SqlValue]) -> tuple[SqlValue, ...]:
        """Numbers replaced by their chain, other values kept: equal values have equal tokens, and tokens hash."""
        get = self._ids.get
        return tuple([get(value, value) for value in values])
