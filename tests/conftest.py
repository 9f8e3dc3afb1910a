"""What several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlenv.tasks import BUNDLED, DataSet, load
from tests.live import LiveServices

SPIDER10 = Path(__file__).resolve().parents[2] / "shared" / "spider10"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in list(os.environ):
        if name.startswith("SQLENV_"):
            del os.environ[name]


@pytest.fixture(scope="session")
def services() -> Iterator[LiveServices]:
    """Both services on the bundled data, in this process."""
    with LiveServices() as live:
        yield live


@pytest.fixture(scope="session")
def bundled() -> DataSet:
    """The bundled data set."""
    return load(BUNDLED)


@pytest.fixture(scope="session")
def spider10() -> Path:
    """Ten real Spider databases, where this machine has them."""
    if not SPIDER10.is_dir():
        pytest.skip(f"no Spider data at {SPIDER10}")
    return SPIDER10
