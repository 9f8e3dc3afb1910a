"""What agents' episodes come to, as plain data for JSON: means, intervals, groups, samples, differences. Pure.

Episodes that failed for no fault of the agent (`Trajectory.failed`) are counted, and in no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import comb
from statistics import fmean
from typing import Any

from sqlenv.agents.bootstrap import RESAMPLES, Intervals, Point, bootstrap
from sqlenv.agents.rollout import Trajectory
from sqlenv.agents.summary import GROUPS, in_order, separation, summarise
from sqlenv.errors import DataSetError

GROUP_RESAMPLES = 2_000
"""Draws for each group of a breakdown: enough for two digits, and there are dozens of groups."""

Key = tuple[str, int, int]
"""An episode: task, seed, number of the sample."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two agents on the episodes that both played. Differences are `after` minus `before`; the counts are episodes:
    `gained` were wrong before and are right after, `lost` the other way round."""

    before: str
    after: str
    episodes: int
    accuracy: float
    accuracy_intervals: Intervals
    value: float
    value_intervals: Intervals
    gained: int
    lost: int
    both_right: int
    both_wrong: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        counts = {name: getattr(self, name) for name in ("gained", "lost", "both_right", "both_wrong")}
        return {
            "before": self.before,
            "after": self.after,
            "episodes": self.episodes,
            "accuracy": {"difference": self.accuracy, **self.accuracy_intervals.to_json()},
            "return": {"difference": self.value, **self.value_intervals.to_json()},
            **counts,
        }


def counted(played: Iterable[Trajectory]) -> list[Trajectory]:
    """The episodes that figures are made of: greedy ones, or all that there are where none was played greedily."""
    known = [record for record in played if not record.failed]
    return [record for record in known if record.sample == 0] or known


def sampled(played: Iterable[Trajectory]) -> list[Trajectory]:
    """The episodes that were drawn."""
    return [record for record in played if not record.failed and record.sample > 0]


def agent_figures(played: Sequence[Trajectory], resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """One agent's figures: the summary's fields, intervals, groups, and what was sampled beside the greedy episodes."""
    main = counted(played)
    drawn = sampled(played)
    failed = [record for record in played if record.failed]
    found: dict[str, Any] = {"episodes": 0} if not main else _figures(main, resamples, seed)
    found["failed"] = len(failed)
    found["greedy"] = bool(main) and main[0].sample == 0
    if main:
        found["by"] = {
            kind: {name: _figures(group, min(resamples, GROUP_RESAMPLES), seed) for name, group in groups.items()}
            for kind, groups in _grouped(main).items()
        }
    found["sampled"] = None
    if drawn:
        found["sampled"] = _figures(drawn, resamples, seed) | {
            "samples": max(record.sample for record in drawn),
            "temperature": drawn[0].temperature,
            "pass_at": {str(k): value for k, value in pass_at(drawn).items()},
            "by": {
                kind: {name: _figures(group, min(resamples, GROUP_RESAMPLES), seed) for name, group in groups.items()}
                for kind, groups in _grouped(drawn).items()
            },
        }
    for name in ("turns", "prompt_tokens", "completion_tokens", "cut_turns", "refusals"):
        found[name] = sum(getattr(record, name) for record in played)
    return found


def evaluation(
    runs: Mapping[str, Sequence[Trajectory]], about: Mapping[str, Any], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """The figures of several agents, each compared with the one before it. `about` comes first, as it is.

    Raises DataSetError where agents were not measured on the same data set with the same rubric.
    """
    everything = [record for records in runs.values() for record in records]
    check_comparable(everything)
    known = [record for record in everything if not record.failed]
    least, most = separation(known)
    names = list(runs)
    pairs = pairwise(names)
    compared = [compare(one, runs[one], other, runs[other], resamples, seed) for one, other in pairs]
    return {
        **about,
        "dataset_version": everything[0].dataset_version if everything else "",
        "scorer_version": next((record.scorer_version for record in known), ""),
        "rubric": everything[0].rubric if everything else "",
        "min_correct_return": least,
        "max_incorrect_return": most,
        "bootstrap": {"resamples": resamples, "group_resamples": min(resamples, GROUP_RESAMPLES), "seed": seed},
        "agents": {name: agent_figures(records, resamples, seed) for name, records in runs.items()},
        "comparisons": [one.to_json() for one in compared if one is not None],
    }


def compare(
    before: str,
    earlier: Iterable[Trajectory],
    after: str,
    later: Iterable[Trajectory],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison | None:
    """The difference that two agents made on the same episodes; None where they have none in common.

    Where one was played greedily and the other was sampled, each sample stands beside the greedy episode of its task
    and seed.
    """
    pairs = _pairs(by_key(counted(earlier)), by_key(counted(later)))
    if not pairs:
        return None
    points = [
        Point(a.task_id, a.db_id, float(b.correct) - float(a.correct), b.episode_return - a.episode_return)
        for a, b in pairs
    ]
    accuracy, value = bootstrap(points, resamples, seed)
    return Comparison(
        before=before,
        after=after,
        episodes=len(pairs),
        accuracy=fmean(point.accuracy for point in points),
        accuracy_intervals=accuracy,
        value=fmean(sorted(point.value for point in points)),
        value_intervals=value,
        gained=sum(b.correct and not a.correct for a, b in pairs),
        lost=sum(a.correct and not b.correct for a, b in pairs),
        both_right=sum(a.correct and b.correct for a, b in pairs),
        both_wrong=sum(not a.correct and not b.correct for a, b in pairs),
    )


def _pairs(one: Mapping[Key, Trajectory], other: Mapping[Key, Trajectory]) -> list[tuple[Trajectory, Trajectory]]:
    same = [(one[key], other[key]) for key in one if key in other]
    if same:
        return same
    found = [(one[once], record) for key, record in other.items() if (once := (*key[:2], 0)) in one]
    return found or [(record, other[once]) for key, record in one.items() if (once := (*key[:2], 0)) in other]


def pass_at(drawn: Iterable[Trajectory]) -> dict[int, float]:
    """For k = 1, 2, 4, … up to the samples that every task has: the chance that one of k sampled episodes is right.

    The unbiased estimate of Chen et al., "Evaluating Large Language Models Trained on Code", 2021, section 2.1.
    """
    tallies: dict[tuple[str, int], list[bool]] = {}
    for record in drawn:
        tallies.setdefault((record.task_id, record.seed), []).append(record.correct)
    least = min(map(len, tallies.values()), default=0)
    ks = [2**power for power in range(least.bit_length()) if 2**power <= least]
    if least not in ks and least:
        ks.append(least)
    return {k: fmean(_pass_at(len(tally), sum(tally), k) for tally in tallies.values()) for k in ks}


def _pass_at(total: int, right: int, k: int) -> float:
    return 1.0 - comb(total - right, k) / comb(total, k)


def by_key(played: Iterable[Trajectory]) -> dict[Key, Trajectory]:
    """Episodes by what names them."""
    return {(record.task_id, record.seed, record.sample): record for record in played}


def check_comparable(played: Iterable[Trajectory]) -> None:
    """Raises DataSetError where episodes were played on several data sets, or scored by several rubrics or scorers."""
    records = list(played)
    kinds: dict[str, Callable[[Trajectory], str]] = {
        "data set versions": lambda record: record.dataset_version,
        "rubrics": lambda record: record.rubric,
        "scorer versions": lambda record: record.scorer_version,
    }
    for what, read in kinds.items():
        found = {read(record) for record in records} - {""}
        if len(found) > 1:
            words = f"these episodes have different {what}: {', '.join(sorted(found))}"
            raise DataSetError(f"{words}. Figures of them can't be compared; play them again on the same services.")


def _grouped(played: Iterable[Trajectory]) -> dict[str, dict[str, list[Trajectory]]]:
    groups: dict[str, dict[str, list[Trajectory]]] = {kind: {} for kind in GROUPS}
    for record in played:
        for kind, key in GROUPS.items():
            groups[kind].setdefault(key(record), []).append(record)
    return {kind: {name: found[name] for name in in_order(found)} for kind, found in groups.items()}


def _figures(played: Sequence[Trajectory], resamples: int, seed: int) -> dict[str, Any]:
    points = [Point(record.task_id, record.db_id, float(record.correct), record.episode_return) for record in played]
    accuracy, value = bootstrap(points, resamples, seed)
    return asdict(summarise(played)) | {"intervals": {"accuracy": accuracy.to_json(), "return": value.to_json()}}
