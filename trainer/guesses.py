"""SQL as somebody writes it who has not looked: names and spellings that could be, but may not be.

Used by demonstrators. For procedural worlds the other names of a concept are known; elsewhere a name is respelled in
the ways people misremember them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection

from trainer.vocabulary import CATEGORIES, KEY_SUFFIXES, NAME_COLUMNS, NUMBERS, SPELLINGS

_NAME = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*")
_COMPARED = re.compile(r"(\w+)\"?\s*(?:=|==|<>|!=|\bLIKE\b|\bIN\b)\s*\(?\s*'", re.IGNORECASE)
_SAME = {name: concept.columns for concept in (*CATEGORIES, *NUMBERS) for name in concept.columns}
_SAME |= dict.fromkeys(NAME_COLUMNS, NAME_COLUMNS)
_WORDS = {value for concept in CATEGORIES for value in concept.values}


def guess(sql: str, columns: Collection[str], rng: random.Random) -> str:
    """`sql` with each of the `columns`, and each text, written as one who has not looked might write it.

    By chance it may be right. The same column is guessed the same way all through.
    """
    known = {column.lower() for column in columns}
    chosen: dict[str, str] = {}

    def respell(match: re.Match[str]) -> str:
        word = match[0]
        if word not in chosen:
            if word.startswith("'"):
                chosen[word] = _literal(word, rng)
            else:
                chosen[word] = _other_name(word, rng) if word.lower() in known else word
        return chosen[word]

    return _NAME.sub(respell, sql)


def compared_with_text(sql: str) -> set[str]:
    """The columns that the SQL compares with a text, whose spelling in the database one has to look up."""
    return set(_COMPARED.findall(sql))


def _literal(word: str, rng: random.Random) -> str:
    inner = word[1:-1]
    if inner.lower() in _WORDS or not inner.istitle():
        return f"'{rng.choice(SPELLINGS)(inner)}'"
    return word  # a name: the question has it as it is


def _other_name(column: str, rng: random.Random) -> str:
    if column in _SAME:
        return rng.choice(_SAME[column])
    stem, underscore, suffix = column.rpartition("_")
    if underscore and suffix in KEY_SUFFIXES:
        return f"{stem}_{rng.choice(KEY_SUFFIXES)}"
    forms = [
        column,
        column.replace("_", ""),
        stem or f"{column}s",
        f"{column}_name",
        column.rsplit("_", maxsplit=1)[-1],
    ]
    return rng.choice([form for form in forms if form])
