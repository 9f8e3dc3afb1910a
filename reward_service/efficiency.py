"""Efficiency of a right answer: how many steps and how much work it took, against the reference. Ints in, float out.

Work is SQLite's count of virtual-machine steps (opcodes), not seconds. Seconds differ from run to run with the
machine, its load, its caches and the neighbours on it: the same answer would earn different rewards, a replay would
not give back the episode it replays, and an agent would be trained on noise. Opcodes of one SQL text on one file are
the same number every time with the same SQLite, which is pinned, so the same request has the same score, bit for bit.

Both ratios are capped at 1: being cheaper than the reference is no better than being as cheap. Without a cap a trick
that saves work would pay without limit, and the dominance bounds, which need efficiency in [0, 1], would not hold.
"""

from __future__ import annotations


def step_ratio(reference_steps: int, steps: int) -> float:
    """`reference_steps / steps`, at most 1: the share of the agent's steps that the reference solution needs.

    reference_steps: steps of the task's reference solution, its answer included, at least 1.
    steps: steps that the agent took, its answer included, at least 1.
    Steps are counted the same way in both, so no time or hardware is in it. Raises ValueError where either is below 1.
    """
    if reference_steps < 1 or steps < 1:
        raise ValueError(f"steps are counted from 1: reference {reference_steps}, taken {steps}")
    return 1.0 if steps <= reference_steps else reference_steps / steps


def work_ratio(gold_vm_steps: int, candidate_vm_steps: int | None) -> float:
    """`gold_vm_steps / candidate_vm_steps`, at most 1, in SQLite VM steps and not in seconds: see the module's head.

    candidate_vm_steps: of the answer's SQL, or, for a value answer, of the query that it rests on; None or 0 where
    there is none: no work was done, so none was wasted, and the ratio is 1.
    Both must be counted on the same database file. Raises ValueError where either is negative.
    """
    if gold_vm_steps < 0 or (candidate_vm_steps is not None and candidate_vm_steps < 0):
        raise ValueError(f"VM steps are not negative: gold {gold_vm_steps}, candidate {candidate_vm_steps}")
    if not candidate_vm_steps or candidate_vm_steps <= gold_vm_steps:
        return 1.0
    return gold_vm_steps / candidate_vm_steps
