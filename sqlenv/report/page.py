"""report.html: figures, differences, breakdowns, and transcripts side by side. One file without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from sqlenv.report.build import document, el, one_line
from sqlenv.report.chart import accuracy_chart
from sqlenv.report.columns import CHANGES, COLUMNS, COMPARED, DIFFERENCES, alone, failures, models, rows
from sqlenv.report.pairing import Section
from sqlenv.report.style import STYLE
from sqlenv.report.transcript import contents, entry, section_element

TITLE = "SQLEnv evaluation"
# Nothing is loaded and nothing runs, whatever an episode holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

GROUP_TITLES = {
    "difficulty": "By difficulty",
    "answer_type": "By answer type",
    "split": "By split",
    "database": "By database",
}


def page(summary: Mapping[str, Any], found: Sequence[Section]) -> str:
    """The whole page."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{TITLE}: {', '.join(map(one_line, summary['agents']))}"),
        el("style", STYLE),
    )
    main = el("main", el("h1", TITLE, id="top"), el("p", about(summary), class_="about"), *_figures(summary))
    main.extend(section_element(section, number) for number, section in enumerate(found))
    main.append(_footer())
    body = el("body", el("div", _nav(summary, found), main, class_="page"))
    return document(el("html", head, body, lang="en"))


def about(summary: Mapping[str, Any]) -> str:
    """What was played, in a line."""
    parts = [f"data set {summary['dataset']}" if summary.get("dataset") else ""]
    parts += [f"version {summary['dataset_version'][:16]}" if summary["dataset_version"] else ""]
    parts += [f"rubric {summary['rubric']}", f"scorer {summary['scorer_version']}" if summary["scorer_version"] else ""]
    parts += [f"seed {summary['seed']}" if summary.get("seed") is not None else ""]
    return " · ".join(one_line(part) for part in parts if part)


def groups(summary: Mapping[str, Any]) -> dict[str, list[str]]:
    """The kinds of groups that say anything, each with its groups in order: one group says what the whole does."""
    found = {}
    for kind in GROUP_TITLES:
        names: dict[str, None] = {}
        for figures in summary["agents"].values():
            names |= dict.fromkeys(figures.get("by", {}).get(kind, {}))
        if len(names) > 1:
            found[kind] = list(names)
    return found


def _nav(summary: Mapping[str, Any], found: Sequence[Section]) -> Element:
    figures = [entry("Agents", "agents")]
    figures += [entry("Differences", "differences")] if summary["comparisons"] else []
    figures += [entry(GROUP_TITLES[kind], kind, str(len(names))) for kind, names in groups(summary).items()]
    return el(
        "nav",
        el("strong", "Figures"),
        el("ol", *figures),
        el("strong", "Episodes") if found else None,
        contents(found) if found else None,
        aria_label="Contents",
    )


def _figures(summary: Mapping[str, Any]) -> list[Element]:
    chart = accuracy_chart(summary["agents"])
    made = [
        el("h2", "Agents", id="agents"),
        el("p", _reading(summary), class_="note"),
        el("div", chart, class_="card") if chart is not None else el("p", "No episode was played to its end."),
        el("div", _agents(summary["agents"]), class_="card"),
        *(el("p", words, class_="note") for words in models(summary)),
    ]
    if summary["comparisons"]:
        made += [el("h2", "Differences", id="differences"), el("p", DIFFERENCES, class_="note")]
        made.append(el("div", _comparisons(summary["comparisons"]), class_="card"))
    made += [el("p", words, class_="note") for words in alone(summary)]
    for kind, names in groups(summary).items():
        made += [el("h2", GROUP_TITLES[kind], id=kind), el("div", _by(summary["agents"], kind, names), class_="card")]
    return made


def _reading(summary: Mapping[str, Any]) -> str:
    words = "Dots are accuracies, bars their 95% Wilson intervals."
    if any(figures["sampled"] and figures["greedy"] for figures in summary["agents"].values()):
        words += " Rings are the mean accuracy of sampled episodes."
    return words


def _agents(agents: Mapping[str, Mapping[str, Any]]) -> Element:
    head = el("tr", el("th", "agent"), *(el("th", title) for title, _ in COLUMNS))
    body = [
        el("tr", el("th", one_line(name)), *(el("td", read(figures)) for _, read in COLUMNS))
        for name, figures in rows(agents)
    ]
    notes = [el("p", words, class_="note") for words in failures(agents)]
    return el("div", el("table", el("thead", head), el("tbody", *body)), *notes)


def _comparisons(found: Sequence[Mapping[str, Any]]) -> Element:
    head = el("tr", el("th", ""), *(el("th", title) for title, _ in COMPARED))
    body = [
        el(
            "tr",
            el("th", f"{one_line(one['before'])} → {one_line(one['after'])}"),
            *(el("td", read(one), **(_way(read(one)) if title in CHANGES else {})) for title, read in COMPARED),
        )
        for one in found
    ]
    return el("table", el("thead", head), el("tbody", *body))


def _way(difference: str) -> dict[str, str]:
    """The class of a difference's cell; none where nothing has changed as far as is shown."""
    if not float(difference):
        return {}
    return {"class_": "up" if difference.startswith("+") else "down"}


def _by(agents: Mapping[str, Mapping[str, Any]], kind: str, names: Sequence[str]) -> Element:
    head = el("tr", el("th", ""), *(el("th", one_line(agent), class_="meter") for agent in agents))
    body = []
    for name in names:
        cells = [figures.get("by", {}).get(kind, {}).get(name) for figures in agents.values()]
        body.append(el("tr", el("th", one_line(name)), *(_meter(cell) for cell in cells)))
    return el("table", el("thead", head), el("tbody", *body))


def _meter(figures: Mapping[str, Any] | None) -> Element:
    if figures is None:
        return el("td", "—", class_="meter")
    of = f" ({figures['low']:.2f}–{figures['high']:.2f}, n={figures['episodes']})"
    bar = el("i", el("b", style=f"width:{100 * figures['accuracy']:.1f}%"))
    return el("td", f"{figures['accuracy']:.3f}", el("span", of, class_="of"), bar, class_="meter")


def _footer() -> Element:
    return el(
        "footer",
        "Made by ",
        el("code", "sqlenv report"),
        ". Every episode is in episodes.jsonl, every figure in summary.json, both beside this file.",
    )
