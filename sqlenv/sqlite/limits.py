"""What one query may use, whole and while it is only tried. Plain values: every process and setting agrees on them."""

from __future__ import annotations

from dataclasses import dataclass

# The progress handler is called every so many VM steps; budgets are multiples of it.
TICK_VM_STEPS = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use. Sizes in bytes, `wall_ms` in milliseconds.

    Where a query runs in the caller's own process, `wall_ms` is of processor time, so that other load changes no
    verdict, and ten times that of the clock; a query process is killed soon after `wall_ms` of the clock.
    """

    vm_steps: int = 10_000_000
    wall_ms: int = 1_300
    sql_bytes: int = 64 * 1024
    value_bytes: int = 100_000
    memory_bytes: int = 64 * 1024 * 1024
    result_rows: int = 200
    result_bytes: int = 256 * 1024
    result_cells: int = 300_000
    counted_rows: int = 10_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use. One that is `trial` ends where it is spent without a verdict: nothing is known yet.

    `prepare_calls` bounds what the authorizer is asked while a statement is compiled, which nothing else interrupts.
    """

    vm_steps: int
    wall_s: float
    value_bytes: int
    memory_bytes: int
    prepare_calls: int
    trial: bool = False


# Compiling 100 window functions asks the authorizer 5,500 times, in 12 ms; 300 of them 45,000 times, in 150 ms.
PREPARE_CALLS = 20_000

# A trial runs on an event loop. So little text and such short values that what no VM step interrupts is short too:
# the slowest single function takes 2 ms on 4 kB, and 1.3 s on 100 kB (json_patch).
TRIAL_WALL_S = 0.005
TRIAL_SQL_BYTES = 2_000
TRIAL_VALUE_BYTES = 2_000
TRIAL_MEMORY_BYTES = 8 * 1024 * 1024
TRIAL_PREPARE_CALLS = 1_000


def whole(limits: Limits) -> Budget:
    """All that a query may use."""
    return Budget(limits.vm_steps, limits.wall_ms / 1000, limits.value_bytes, limits.memory_bytes, PREPARE_CALLS)


def trial(limits: Limits, vm_steps: int) -> Budget:
    """What a query may use that is tried on an event loop."""
    return Budget(
        vm_steps,
        min(TRIAL_WALL_S, limits.wall_ms / 1000),
        min(TRIAL_VALUE_BYTES, limits.value_bytes),
        min(TRIAL_MEMORY_BYTES, limits.memory_bytes),
        TRIAL_PREPARE_CALLS,
        trial=True,
    )
