"""Episodes of a report in columns: what each agent did, saw and got for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from sqlenv.agents.rollout import StepRecord, Trajectory
from sqlenv.report.build import el, one_line, put
from sqlenv.report.pairing import Row, Section

LINES = 12
LINE_CHARS = 160
ACTION_CHARS = 2_000
STEPS = 40

_VERB = re.compile(r"(DESCRIBE|SAMPLE|QUERY|ANSWER SQL:|ANSWER)\s")
_BUDGET = re.compile(
    r"\n?(Steps left: \d+|Answer recorded\. The episode is over\.|No steps left\. The episode is over\.)\Z"
)


def section_element(section: Section, number: int) -> Element:
    """A section with its episodes; the first is open."""
    shown = f"{len(section.rows)} of {section.total} shown; all are in the data set" if _cut(section) else ""
    head = el("h2", f"{one_line(section.title)} ({section.total})", el("a", "top", href="#top", class_="top"))
    made = el("section", head, el("p", shown, class_="note") if shown else None, id=section_id(section))
    for place, row in enumerate(section.rows):
        made.append(_episode(row, f"e{number}-{place}", open_=place == 0))
    return made


def section_id(section: Section) -> str:
    """Where it is on the page."""
    return f"episodes-{section.name}"


def _cut(section: Section) -> bool:
    return len(section.rows) < section.total


def _episode(row: Row, identity: str, open_: bool) -> Element:
    task = row.any
    meta = (task.task_id, task.db_id, task.difficulty, f"answer: {task.answer_type}", f"seed {task.seed}")
    summary = el(
        "summary",
        el("span", one_line(task.question), class_="question"),
        el("span", *(_badge(name, record) for name, record in row.played.items()), class_="badges"),
        el("span", " · ".join(one_line(part) for part in meta), class_="meta"),
    )
    columns = el("div", *(_column(name, record) for name, record in row.played.items()), class_="columns")
    told = el("details", el("summary", "what the agents were told"), el("pre", row.prompt), class_="told")
    made = el("details", summary, told if row.prompt else None, columns, class_="episode", id=identity)
    if open_:
        made.set("open", "open")
    return made


def outcome(record: Trajectory) -> tuple[str, str]:
    """How an episode ended, as a word and as a class of the page's style."""
    if record.failed:
        return "failed", "failed"
    if record.correct:
        return "right", "right"
    return ("wrong" if record.verdict else "no answer"), "wrong"


def _badge(name: str, record: Trajectory) -> Element:
    words, kind = outcome(record)
    mark = {"right": "✓", "wrong": "✗", "failed": "!"}[kind]
    return el("span", f"{mark} {one_line(name)}", class_=f"badge {kind}", title=f"{one_line(name)}: {words}")


def _column(name: str, record: Trajectory) -> Element:
    words, kind = outcome(record)
    steps = len(record.steps)
    head = el(
        "header",
        el("strong", one_line(name)),
        el("span", f"{words}, return {record.episode_return:+.3f}", class_=f"badge {kind}"),
    )
    items = el("ol", *(_step(step) for step in record.steps[:STEPS]), class_="steps")
    more = f"{steps - STEPS} more steps are not shown." if steps > STEPS else ""
    return el(
        "section",
        head,
        items,
        el("p", more, class_="note") if more else None,
        el("p", verdict_words(record), class_=f"verdict {kind}"),
        class_="column",
    )


def verdict_words(record: Trajectory) -> str:
    """Why an episode ended as it did."""
    if record.failed:
        return f"Not played to its end, and in no figure: {one_line(record.failed)}"
    if record.verdict:
        return one_line(record.reason or record.verdict.replace("_", " "))
    if record.state == "stopped":
        return "It came to a bound on its turns or tokens, and gave no answer."
    return "No answer: its steps were spent."


def _step(step: StepRecord) -> Element:
    terms = ", ".join(f"{name} {value:+.3f}" for name, value in step.terms.items() if value)
    action = el("code")
    verb = _VERB.match(step.action)
    text = cut_chars(step.action, ACTION_CHARS)
    if verb:
        put(action, el("span", verb[1], class_="verb"), text[len(verb[1]) :])
    else:
        put(action, text or "(nothing)")
    reward = el("span", f"{step.reward:+.3f}", class_="reward", title=terms or "no terms")
    line = el("div", action, reward, class_="action")
    seen = seen_text(step.observation)
    error = "error" if step.error_kind or seen.startswith("Error:") else "seen"
    return el("li", line, el("pre", seen, class_=error) if seen else None)


def seen_text(observation: str, lines: int = LINES, chars: int = LINE_CHARS) -> str:
    """The start of what an agent saw, without the line about its budget."""
    shown = _BUDGET.sub("", observation).split("\n")
    kept = [cut_chars(line, chars) for line in shown[:lines]]
    if len(shown) > lines:
        kept.append(f"… {len(shown) - lines} more lines")
    return "\n".join(kept)


def cut_chars(text: str, chars: int) -> str:
    """The text, or its start with a mark."""
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


def contents(found: Sequence[Section]) -> Element:
    """The sections as entries of the page's table of contents."""
    return el("ol", *(entry(one_line(one.title), section_id(one), str(one.total)) for one in found))


def entry(title: str, target: str, count: str = "") -> Element:
    """A line of the table of contents."""
    link = el("a", el("span", title), el("span", count, class_="count") if count else None, href=f"#{target}")
    return el("li", link)
