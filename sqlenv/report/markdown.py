"""report.md: the same report as text, for a repository or a pull request.

Text of strangers is always a code span or escaped, so that none of it is markup, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sqlenv.agents.rollout import StepRecord, Trajectory
from sqlenv.report.build import inert, one_line
from sqlenv.report.columns import COLUMNS, COMPARED, DIFFERENCES, alone, failures, models, rows
from sqlenv.report.page import GROUP_TITLES, TITLE, about, groups
from sqlenv.report.pairing import Row, Section
from sqlenv.report.transcript import STEPS, cut_chars, outcome, seen_text, verdict_words

LINES = 5
LINE_CHARS = 70
ACTION_CHARS = 300
PER_SECTION = 5
"""Episodes of each section: a text is read from top to bottom, and the page beside it has more."""

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@$^=\"'])")


def markdown(summary: Mapping[str, Any], found: Sequence[Section]) -> str:
    """The whole text."""
    blocks = [f"# {TITLE}", escape(about(summary)), _contents(summary, found), "## Agents", _agents(summary["agents"])]
    blocks += [escape(words) for words in (*models(summary), *failures(summary["agents"]))]
    if summary["comparisons"]:
        blocks += ["## Differences", DIFFERENCES, _comparisons(summary["comparisons"])]
    blocks += [escape(words) for words in alone(summary)]
    for kind, names in groups(summary).items():
        blocks += [f"## {GROUP_TITLES[kind]}", _by(summary["agents"], kind, names)]
    for section in found:
        blocks.append(f"## {escape(section.title)} ({section.total})")
        shown = section.rows[:PER_SECTION]
        if len(shown) < section.total:
            blocks.append(f"{len(shown)} of {section.total}; more are in report.html, all in episodes.jsonl.")
        for row in shown:
            blocks += _episode(row)
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def code(text: str) -> str:
    """Text as a code span that a table's cell can hold."""
    inner = one_line_spaced(text)
    if not inner.strip():
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", inner)), default=0) + 1)
    pad = " " if inner[0] in "` " or inner[-1] in "` " else ""
    # A bar ends a cell even within code. Backslashes before it are doubled, or they would escape the backslash.
    inner = re.sub(r"(\\*)\|", r"\1\1\\|", inner)
    return f"{fence}{pad}{inner}{pad}{fence}"


def one_line_spaced(text: str) -> str:
    """One line with its blanks, which align columns."""
    return re.sub(r"[\n\t]", " ", inert(text)).rstrip()


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def _contents(summary: Mapping[str, Any], found: Sequence[Section]) -> str:
    titles = ["Agents", *(["Differences"] if summary["comparisons"] else [])]
    titles += [GROUP_TITLES[kind] for kind in groups(summary)]
    titles += [f"{one.title} ({one.total})" for one in found]
    return "\n".join(f"- {escape(title)}" for title in titles)


def _agents(agents: Mapping[str, Mapping[str, Any]]) -> str:
    body = [[escape(name), *(read(figures) for _, read in COLUMNS)] for name, figures in rows(agents)]
    return table(["agent", *(title for title, _ in COLUMNS)], body)


def _comparisons(found: Sequence[Mapping[str, Any]]) -> str:
    body = [
        [f"{escape(one['before'])} → {escape(one['after'])}", *(read(one) for _, read in COMPARED)] for one in found
    ]
    return table(["", *(title for title, _ in COMPARED)], body)


def _by(agents: Mapping[str, Mapping[str, Any]], kind: str, names: Sequence[str]) -> str:
    body = []
    for name in names:
        cells = [figures.get("by", {}).get(kind, {}).get(name) for figures in agents.values()]
        said = [f"{f['accuracy']:.3f} ({f['low']:.2f}–{f['high']:.2f}, n={f['episodes']})" if f else "—" for f in cells]
        body.append([escape(name), *said])
    return table(["", *map(escape, agents)], body)


def _episode(row: Row) -> list[str]:
    task = row.any
    meta = (task.task_id, task.db_id, task.difficulty, task.answer_type, f"seed {task.seed}")
    names = list(row.played)
    head = ["step"]
    for name, record in row.played.items():
        head.append(f"{escape(name)}: {outcome(record)[0]}, return {record.episode_return:+.3f}")
    columns = [record.steps[:STEPS] for record in row.played.values()]
    body = [[str(number), *(_cell(step) for step in steps)] for number, steps in enumerate(zip_longest(*columns), 1)]
    rule = ["---:", *("---" for _ in names)]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]
    verdicts = [_verdict(name, record) for name, record in row.played.items()]
    return [f"### {escape(task.question)}", escape(" · ".join(meta)), "\n".join(lines), "\n".join(verdicts)]


def _cell(step: StepRecord | None) -> str:
    if step is None:
        return ""
    action = f"**{step.reward:+.3f}** {code(cut_chars(step.action, ACTION_CHARS))}"
    seen = [code(line) for line in seen_text(step.observation, LINES, LINE_CHARS).split("\n")]
    return "<br>".join([action, *(line for line in seen if line)])


def _verdict(name: str, record: Trajectory) -> str:
    return f"- {escape(name)}: {escape(verdict_words(record))}"
