"""Episodes as a data set for Hugging Face's `datasets`: JSON lines, Parquet, and the card that names them.

The folder can be loaded as it is (`load_dataset(folder)`), and pushed to the Hub as a dataset repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlenv.agents.records import to_row
from sqlenv.agents.rollout import Trajectory
from sqlenv.report.markdown import code, escape

JSONL, PARQUET, CARD = "episodes.jsonl", "episodes.parquet", "README.md"
SPLIT = "test"

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_jsonl(path: Path, played: Iterable[Trajectory]) -> None:
    """A row a line."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        for record in played:
            stream.write(json.dumps(to_row(record), ensure_ascii=False) + "\n")


def write_parquet(path: Path, played: Iterable[Trajectory]) -> bool:
    """The same rows as Parquet. False, and no file, where pyarrow is not installed."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        return False
    rows = [_encodable(to_row(record)) for record in played]
    parquet.write_table(pa.Table.from_pylist(rows, schema=_schema(pa)), path, compression="zstd")
    return True


def card(summary: Mapping[str, Any], count: int, files: Sequence[str]) -> str:
    """The dataset card: what the Hub and `load_dataset` read at its top, and words below."""
    file = PARQUET if PARQUET in files else JSONL
    size = next((name for bound, name in _SIZES if count < bound), "n>1M")
    rows = [
        (name, f["episodes"], f"{f['accuracy']:.3f}" if f["episodes"] else "—") for name, f in summary["agents"].items()
    ]
    agents = "\n".join(f"| {escape(name)} | {episodes} | {accuracy} |" for name, episodes, accuracy in rows)
    return f"""---
pretty_name: SQLEnv episodes
task_categories:
- table-question-answering
- text-generation
tags:
- sqlenv
- text-to-sql
- agents
- evaluation
size_categories:
- {size}
configs:
- config_name: default
  data_files:
  - split: {SPLIT}
    path: {file}
---

# SQLEnv episodes

{count} episodes in which agents answer questions about databases by exploring them, with every step, what the agent saw
and what it was worth. Figures: `summary.json`; to read: `report.html`, `report.md`.

| agent | episodes | accuracy |
|---|---|---|
{agents}

```python
from datasets import load_dataset

episodes = load_dataset("FOLDER", split="{SPLIT}")
right = episodes.filter(lambda row: row["correct"])  # `messages` is conversational, as TRL's SFTTrainer takes it
```

A row is an episode. `sample` is 0 for greedy ones; `failed` says why an episode could not be played to its end, for no
fault of the agent. `execution`, `correctness` and `efficiency` add up to `episode_return`. Data set version
{code(summary["dataset_version"])}, rubric {code(summary["rubric"])}, scorer {code(summary["scorer_version"])}.
"""


def _encodable(value: Any) -> Any:
    """Text that Arrow can hold: no lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _encodable(one) for name, one in value.items()}
    return [_encodable(one) for one in value] if isinstance(value, list) else value


def _schema(pa: Any) -> Any:
    text, number, whole, yes = pa.string(), pa.float64(), pa.int64(), pa.bool_()
    term = pa.struct([("name", text), ("value", number)])
    scores = [(name, number) for name in ("reward", "execution", "correctness", "efficiency")]
    step = pa.struct(
        [("action", text), ("observation", text), *scores, ("terms", pa.list_(term)), ("error_kind", text)]
    )
    message = pa.struct([("role", text), ("content", text)])
    names = ("agent", "task_id", "db_id", "split", "difficulty", "answer_type", "question", "prompt")
    return pa.schema(
        [
            *((name, text) for name in names),
            ("seed", whole),
            ("rubric", text),
            ("dataset_version", text),
            ("scorer_version", text),
            ("steps", pa.list_(step)),
            *((name, number) for name in ("episode_return", "execution", "correctness", "efficiency")),
            *((name, text) for name in ("verdict", "reason", "state", "failed")),
            ("sample", whole),
            ("temperature", number),
            *((name, whole) for name in ("turns", "prompt_tokens", "completion_tokens", "cut_turns", "refusals")),
            ("correct", yes),
            ("step_count", whole),
            ("messages", pa.list_(message)),
        ]
    )
