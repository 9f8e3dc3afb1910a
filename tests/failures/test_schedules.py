"""The property: whatever is killed, stopped, cut or slowed down, every episode gives what it gives undisturbed.

`python -m tests.failures.schedules 200` runs as many by hand.
"""

from __future__ import annotations

import pytest

from tests.failures.schedules import Tally, run_all

LANES = 4


def check(tally: Tally, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.schedules == count
    assert not tally.different


def test_some_random_schedules_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    check(run_all(range(10), LANES), 10, capsys)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_random_schedules_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tally = run_all(range(1_000, 1_200), LANES)
    check(tally, 200, capsys)
    # The faults did happen, and did hurt.
    assert all(tally.faults[kind] for kind in ("kill env", "kill reward", "stop env", "stop reward", "cut"))
    assert tally.resumes > 100
