"""Words of questions and of names in a database, in a form in which they can be compared. English only."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")

# Words that say nothing about what is asked for. Not here: words that a table or column could be named after.
_STOP = frozenset(
    "a all an and any are as at be been by did do does each every for from had has have how in is it its me many much "
    "of on only or our per please show than that the their them there these they this those to was we were what when "
    "where which who whose with without give list tell find name count id code".split()
)


def stem(word: str) -> str:
    """A word without its plural's ending, lower case."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order; names in snake_case and CamelCase are taken apart."""
    return [stem(word) for word in _WORD.findall(text)]


def content(text: str) -> list[str]:
    """The stems that carry meaning."""
    return [word for word in stems(text) if word not in _STOP]


def akin(one: str, other: str) -> bool:
    """True for equal stems and for those with a long beginning in common: vaccine, vaccination."""
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one == other or shared >= max(5, 0.5 * max(len(one), len(other)))


def position(name: str, question: list[str]) -> int:
    """Where the first stem of a question stands that is akin to a word of the name; -1 where none does."""
    own = content(name)
    return next((i for i, word in enumerate(question) if any(akin(word, part) for part in own)), -1)


def overlap(name: str, question: list[str]) -> float:
    """The share of a name's meaningful words that a question's stems hold, 0 to 1."""
    own = content(name)
    return sum(any(akin(word, part) for word in question) for part in own) / len(own) if own else 0.0


def has_phrase(phrase: list[str], question: list[str]) -> bool:
    """True where a question holds these stems one after the other."""
    size = len(phrase)
    return size > 0 and any(question[i : i + size] == phrase for i in range(len(question) - size + 1))


def has_any(cues: str, question: str) -> bool:
    """True where a question holds one of the cues, words or phrases separated by `|`."""
    return re.search(rf"\b(?:{cues})\b", question, re.IGNORECASE) is not None
