"""Answers given as values, not as SQL: read by the task's answer type, then judged by the compare rules.

Tolerant in form, never in content. The form of a number is in `numerals`, that of lists and tables in `answer_forms`.

How a cell stands for gold's value, whatever column it is in:
- a number matches a cell that reads as a number within the compare rules' tolerance;
- text matches a cell of the same characters, outer whitespace and one pair of surrounding quotes aside; a cell that
  reads as a number may match text too, if the characters are the same ("02139" is text, 2139 isn't it);
- NULL matches JSON's null, "NULL", "None" (in any case) and nothing at all, unless gold has that text itself;
- blobs have no form in an answer: nothing matches them.

Order, ties, LIMIT and column order count as in `compare`. Only the shipped database's result is asked for: an answer in
values can't be tried on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from reward_service.answer_forms import AnswerProblem, Cell, read_list, read_scalar, read_table, whole_line
from reward_service.compare import Gold, agree
from reward_service.numerals import read_number
from sqlenv.types import AnswerType, SqlValue, Verdict

__all__ = ["AnswerProblem", "Cell", "judge_value", "read_answer"]

MAX_CHARACTERS = 100_000
"""Longer answers aren't read."""

RIGHT = "The answer is right."
WRONG = "The answer is not right."

_NULLS = frozenset({"", "null", "none"})


def read_answer(text: str, answer_type: AnswerType) -> list[tuple[Cell, ...]] | AnswerProblem:
    """The rows that an answer states, each of the same width, or why it can't be read. Knows nothing of gold."""
    if len(text) > MAX_CHARACTERS:
        return AnswerProblem(f"The answer is longer than {MAX_CHARACTERS:,} characters.")
    if answer_type is AnswerType.LIST:
        return read_list(text)
    if answer_type is AnswerType.TABLE:
        return read_table(text)
    cell = read_scalar(text)
    if answer_type is not AnswerType.STRING and (cell.text or "").lower() not in _NULLS:
        number = None if cell.text is None else read_number(cell.text)
        if number is None:
            wanted = "a whole number" if answer_type is AnswerType.INTEGER else "a number"
            return AnswerProblem(f"The answer must be {wanted} in digits and nothing else.")
        if answer_type is AnswerType.INTEGER and isinstance(number, float):
            return AnswerProblem("The answer must be a whole number.")
    return [(cell,)]


def judge_value(text: str, answer_type: AnswerType, golds: Sequence[Gold], width: int) -> tuple[Verdict, str]:
    """Whether an answer in values is right, and why not, in words that show nothing of gold.

    Args:
        text: the answer as given.
        answer_type: how the task is to be answered.
        golds: gold's results by instance, the shipped database's first: the only one that is used.
        width: how many columns gold's result has.

    Returns:
        CORRECT, INCORRECT (always with the same sentence), or WRONG_TYPE with what is wrong with the form.

    Raises:
        ValueError: there are no golds.
    """
    if not golds:
        raise ValueError("no gold to compare with")
    read = read_answer(text, answer_type)
    if isinstance(read, AnswerProblem):
        return Verdict.WRONG_TYPE, read.reason
    readings = [read]
    # "Paris, France" is two items or, where one is asked for, may be one.
    if answer_type is AnswerType.LIST and (single := whole_line(text)) is not None:
        readings.append([(single,)])
    if any(_fits(reading, golds[0], width) for reading in readings):
        return Verdict.CORRECT, RIGHT
    return Verdict.INCORRECT, WRONG


def _fits(reading: list[tuple[Cell, ...]], gold: Gold, width: int) -> bool:
    if len(reading) != gold.row_count or (reading and len(reading[0]) != width):
        return False
    wanted = _Wanted(gold)
    for as_null in (False, True):
        rows = [tuple([wanted.value(cell, as_null) for cell in row]) for row in reading]
        if agree([(rows, wanted.gold)], width=width, gold_width=width):
            return True
        # A second try only where the same characters could be text or NULL.
        if not wanted.null_texts:
            return False
    return False


class _Wanted:
    """Gold as an answer in values can state it, and the texts that it holds, which tell how to take a cell."""

    def __init__(self, gold: Gold) -> None:
        # Outer whitespace is no content here: neither a page nor a person shows it.
        rows = [tuple([_trim(value) for value in row]) for row in gold.rows]
        values = set(chain.from_iterable(rows))
        texts = {value for value in values if isinstance(value, str)}
        numbers = {value for value in values if isinstance(value, (int, float))}
        # Text like '130' beside the number 130: characters can't tell them apart, so here they are one.
        both: dict[str, SqlValue] = {}
        for text in texts:
            number = read_number(text)
            if number is not None and number in numbers:
                both[text] = number
        if both:
            rows = [tuple([both.get(v, v) if isinstance(v, str) else v for v in row]) for row in rows]
        changed = tuple(rows)
        self.gold = gold if changed == gold.rows else Gold(changed, gold.keys, gold.offset, gold.limit)
        self._texts = texts - both.keys()
        self.null_texts = {text for text in texts if text.lower() in _NULLS} if None in values else set()

    def value(self, cell: Cell, as_null: bool) -> SqlValue:
        """What a cell stands for. `as_null`: what could be gold's text or its NULL is NULL."""
        if cell.text is None:
            return None
        for form in (cell.raw.strip(), cell.text):
            if form in self._texts and not (as_null and form in self.null_texts):
                return form
        if cell.text.lower() in _NULLS:
            return None
        number = read_number(cell.text)
        return cell.text if number is None else number


def _trim(value: SqlValue) -> SqlValue:
    return value.strip() if isinstance(value, str) else value
