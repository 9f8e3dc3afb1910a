"""Reports on evaluations: pages to read, episodes as a data set to load.

    pairing.py    the same episodes of several agents side by side, the most telling first
    columns.py    the columns of both tables of agents
    page.py       report.html: one file, no scripts, nothing from elsewhere
    transcript.py its episodes, in columns
    chart.py      its picture
    build.py      HTML elements, escaped by construction
    style.py      how it looks
    markdown.py   report.md
    dataset.py    episodes.jsonl, episodes.parquet and a dataset card
    write.py      the folder with all of them, and summary.json

Episodes hold text of strangers: questions, SQL, rows, what a model wrote. Nothing of it is markup in any of these.
"""

from sqlenv.report.write import write_report

__all__ = ["write_report"]
