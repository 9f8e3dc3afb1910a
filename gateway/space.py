"""The folder that `openenv push` uploads: `python -m gateway.space OUT`, or `sqlenv space OUT`.

OpenEnv wants `__init__.py` and `client.py` beside `openenv.yaml`. In the repository's root they would make the root a
Python package, and with it every test module one of its parts; and the root holds what no Space needs. So the folder is
made from the sources: what the image is built from, OpenEnv's entry points, and the README with a Space's front matter.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sqlenv.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

FOLDERS = ("sqlenv", "env_service", "reward_service", "gateway", "data", "validation")
FILES = ("openenv.yaml", "pyproject.toml", "constraints.txt", "LICENSE", "README.md")
WHERE_PRESENT = ("Dockerfile", ".dockerignore", "deployments")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "sources")

FRONT_MATTER = """---
title: SQLEnv
emoji: 🗄️
colorFrom: blue
colorTo: green
sdk: docker
app_port: 7860
pinned: false
license: apache-2.0
base_path: /web
short_description: Agents answer questions about databases, step by step
tags:
  - openenv
  - reinforcement-learning
  - text-to-sql
---

"""
PACKAGE = '''"""SQLEnv for OpenEnv: client, action, observation and state."""

from gateway.client import SQLAction, SQLEnv, SQLObservation, SQLState

__all__ = ["SQLAction", "SQLEnv", "SQLObservation", "SQLState"]
'''
CLIENT = '''"""The client, where OpenEnv looks for it."""

from gateway.client import SQLAction, SQLEnv, SQLObservation, SQLState

__all__ = ["SQLAction", "SQLEnv", "SQLObservation", "SQLState"]
'''


def stage(out: Path) -> list[Path]:
    """Makes the folder anew; returns its files. Raises ConfigError where `out` holds something else."""
    if out.exists() and any(out.iterdir()) and not (out / "openenv.yaml").is_file():
        raise ConfigError(f"{out} is not empty, and not a folder that this command made")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, out / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copyfile(ROOT / name, out / name)
    for name in WHERE_PRESENT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, out / name, ignore=LEFT_OUT)
        elif source.is_file():
            shutil.copyfile(source, out / name)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (out / "README.md").write_text(FRONT_MATTER + readme, encoding="utf-8")
    (out / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    (out / "client.py").write_text(CLIENT, encoding="utf-8")
    (out / "models.py").write_text(CLIENT.replace("The client", "The models"), encoding="utf-8")
    return sorted(path for path in out.rglob("*") if path.is_file())


def main() -> None:
    """The command."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m gateway.space OUT")
    try:
        made = stage(Path(sys.argv[1]))
    except ConfigError as error:
        sys.exit(f"gateway.space: {error}")
    size = sum(path.stat().st_size for path in made)
    print(f"{sys.argv[1]}: {len(made)} files, {size / 1e6:.1f} MB. Next: cd there, openenv push --repo-id NAME/sqlenv")


if __name__ == "__main__":
    main()
