"""The suite of one task: mutants, instances that tell them from gold, and the few of them that are kept."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from data.suite.draw import draw_style, probe_style
from data.suite.hints import Hints, read_hints
from data.suite.instances import Content, Scratch
from data.suite.mutants import Mutant, literal_answer, mutants, rewritten
from data.suite.proof.rules import prover
from data.suite.trial import Runner, Trial, vacuous
from sqlenv.types import Row

MIN_TRIES = 24
"""Instances drawn for a task even where the first ones kill all mutants: the choice makes small sets."""

MIN_KEPT = 5
"""Instances kept where there are so many, so that mistakes that nobody thought of are met too."""

MAX_KEPT = 12
PROBES = 10
MIN_PROBES = 3
"""Instances of a database with much in all tables, and how many of them each task gets: see `draw.probe_style`."""

VACUOUS_WORTH = 0.3
FRESH_WORTH = 0.75
"""What a kill counts on an instance where gold gives nothing, and on one that no other task uses yet."""


@dataclass(slots=True)
class Shelf:
    """Instances of one database that tasks use, in the order of their first use."""

    contents: list[Content] = field(default_factory=list)

    def add(self, content: Content) -> int:
        """Puts an instance on the shelf; returns its number."""
        self.contents.append(content)
        return len(self.contents) - 1


@dataclass(slots=True)
class _Candidate:
    content: Content
    killed: frozenset[int]
    vacuous: bool
    empty: bool
    number: int | None  # on the shelf
    probe: int | None = None  # its number among the probes


@dataclass(frozen=True, slots=True)
class TaskSuite:
    """What was found for one gold query. Mutants are killed on instances, on the shipped database only, or left."""

    instances: tuple[int, ...]
    mutants: int
    proved: int
    killed: int
    shipped: int
    left: tuple[Mutant, ...]
    proofs: tuple[Mutant, ...]
    contradicted: tuple[Mutant, ...]  # proved equal, but not so on instances where gold is ambiguous; dropped ones
    evidence: bool  # gold is non-empty on the shipped database or on an instance
    trusted: bool  # gold as sqlglot writes it gave the same everywhere


class TaskBuilder:
    """Builds suites of the tasks of one database, one after another; they share what is on the shelf."""

    def __init__(self, scratch: Scratch, shipped: Runner, seed: int, db_id: str, tries: int) -> None:
        self._scratch = scratch
        self._runner = Runner(scratch.db)
        self._shipped = shipped
        self._seed = f"{seed}:{db_id}"
        self._tries = tries
        self.shelf = Shelf()
        self._probes: list[Content] = []
        self._shelved: dict[int, int] = {}  # probes that are on the shelf
        self._equal: list[int] = []
        self._contradicted: set[int] = set()

    def draw_probes(self, sqls: Sequence[str]) -> None:
        """Draws the database's probes, with what matters to any of its gold queries."""
        profile = self._scratch.profile
        hints = Hints()
        for sql in sqls:
            hints.merge(read_hints(sql, profile.schema))
        hints.tables = set(profile.tables)
        for number in range(PROBES):
            rng = random.Random(f"{self._seed}:probe:{number}")
            self._probes.append(self._scratch.draw(hints, probe_style(rng), rng))

    def build(self, sql: str, columns: Sequence[str], rows: Sequence[Row]) -> TaskSuite:
        """The suite of one gold query; `columns` and `rows` are its shipped answer."""
        profile = self._scratch.profile
        hints = read_hints(sql, profile.schema)
        found = mutants(sql, profile.schema, prover(profile, hints))
        literal = literal_answer(columns, rows)
        found += [literal] if literal is not None else []
        written = rewritten(sql)
        control = [Mutant("control", written)] if written is not None and written != sql else []
        trial = Trial(sql, [*found, *control], profile.schema, len(columns))
        proved = [index for index, mutant in enumerate(found) if mutant.proof]
        wanted = [index for index, mutant in enumerate(found) if not mutant.proof]
        self._equal, self._contradicted = [*proved, *range(len(found), len(trial.mutants))], set()
        candidates = self._candidates(trial, wanted, hints, sql)
        kept = _choose(candidates, frozenset(wanted))
        for candidate in kept:
            if candidate.number is None:
                candidate.number = self.shelf.add(candidate.content)
                if candidate.probe is not None:
                    self._shelved[candidate.probe] = candidate.number
        killed = frozenset().union(*(candidate.killed for candidate in kept)) & frozenset(wanted)
        left = [index for index in wanted if index not in killed]
        shipped = self._on_shipped(trial, left)
        return TaskSuite(
            instances=tuple(sorted(candidate.number for candidate in kept if candidate.number is not None)),
            mutants=len(found),
            proved=len(proved),
            killed=len(killed),
            shipped=len(shipped),
            left=tuple(found[index] for index in left if index not in shipped),
            proofs=tuple(found[index] for index in proved),
            contradicted=tuple(found[index] for index in sorted(self._contradicted) if index < len(found)),
            evidence=bool(rows) or any(not candidate.empty for candidate in kept),
            trusted=len(found) not in self._contradicted,
        )

    def _candidates(self, trial: Trial, wanted: Sequence[int], hints: Hints, sql: str) -> list[_Candidate]:
        found: list[_Candidate] = []
        alive = set(wanted)
        every = list(wanted)
        stored: list[tuple[int | None, int | None, Content]] = [
            (self._shelved.get(probe), probe, content) for probe, content in enumerate(self._probes)
        ]
        known = set(self._shelved.values())
        stored += [(n, None, content) for n, content in enumerate(self.shelf.contents) if n not in known]
        for number, probe, content in stored:
            self._scratch.load(content)
            candidate = self._try(trial, every, content, number)
            if candidate is not None:
                candidate.probe = probe
                found.append(candidate)
                alive -= candidate.killed
        good = sum(not candidate.vacuous for candidate in found)
        hopeless = 0
        for attempt in range(self._tries):
            if not alive and (attempt >= MIN_TRIES or good >= MIN_TRIES):
                break
            # What the first half of the tries leaves is mostly equal to gold without a proof.
            if attempt >= MIN_TRIES and hopeless >= self._tries // 2:
                break
            rng = random.Random(f"{self._seed}:{attempt}:{sql}")
            content = self._scratch.draw(hints, draw_style(rng, hints.sizes), rng)
            which = every if attempt < MIN_TRIES else sorted(alive)
            candidate = self._try(trial, which, content, None)
            hopeless += 1
            if candidate is None:
                continue
            if candidate.killed & alive:
                hopeless = 0
                if which is not every:
                    gold = trial.gold(self._runner)
                    assert gold is not None
                    candidate.killed = trial.killed(self._runner, gold, every)
            elif which is not every:
                continue
            alive -= candidate.killed
            good += not candidate.vacuous
            found.append(candidate)
        return found

    def _try(self, trial: Trial, which: Iterable[int], content: Content, number: int | None) -> _Candidate | None:
        """What an instance, which the scratch database holds, says about gold; None where gold isn't in order."""
        gold = trial.gold(self._runner)
        if gold is None:
            return None
        killed = trial.killed(self._runner, gold, list(which))
        if not killed or not trial.in_order(self._runner, gold):
            return None
        # Other ways to write gold tell what reversing scans doesn't: that it says too little to have one meaning here.
        contradicted = trial.killed(self._runner, gold, self._equal)
        self._contradicted |= contradicted
        if contradicted:
            return None
        return _Candidate(content, killed, vacuous(gold), not gold.row_count, number)

    def _on_shipped(self, trial: Trial, left: Sequence[int]) -> frozenset[int]:
        gold = trial.gold(self._shipped, shipped=True) if left else None
        return trial.killed(self._shipped, gold, left) if gold is not None else frozenset()


def _choose(candidates: Sequence[_Candidate], wanted: frozenset[int]) -> list[_Candidate]:
    """Few instances that kill all that can be killed: greedily, then a second time over, up to MIN_KEPT."""
    kept: list[_Candidate] = []
    rest = list(candidates)
    for goal in (1, 2):
        missing = dict.fromkeys(wanted, goal)
        for candidate in kept:
            for index in candidate.killed & wanted:
                missing[index] -= 1
        while rest and len(kept) < (MAX_KEPT if goal == 1 else MIN_KEPT):
            best = max(rest, key=lambda candidate: _worth(candidate, missing))
            if _worth(best, missing) <= 0:
                break
            rest.remove(best)
            kept.append(best)
            for index in best.killed & wanted:
                missing[index] -= 1
    probes = sum(candidate.probe is not None for candidate in kept)
    more = [candidate for candidate in rest if candidate.probe is not None and not candidate.vacuous]
    more.sort(key=lambda candidate: (candidate.number is None, -len(candidate.killed)))
    kept += more[: max(0, MIN_PROBES - probes)]
    if kept and all(candidate.empty for candidate in kept):
        kept += [candidate for candidate in rest if not candidate.empty][:1]
    return kept


def _worth(candidate: _Candidate, missing: dict[int, int]) -> float:
    kills = sum(missing.get(index, 0) > 0 for index in candidate.killed)
    worth = float(kills)
    if candidate.vacuous:
        worth *= VACUOUS_WORTH
    return worth * (FRESH_WORTH if candidate.number is None else 1.0)
