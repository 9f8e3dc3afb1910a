"""Tiny data sets in the layouts that people bring, for tests of import, check and pull."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw

SHOP = """
CREATE TABLE shop(shop_id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE sale(sale_id INTEGER PRIMARY KEY, shop_id INTEGER REFERENCES shop(shop_id), amount REAL);
INSERT INTO shop VALUES (1, 'Corner', 'Graz'), (2, 'Mill', 'Linz'), (3, 'Café Ünal', NULL);
INSERT INTO sale VALUES (1, 1, 2.5), (2, 1, 4.0), (3, 2, 10.25);
"""
QUESTIONS = (
    ("How many shops are there?", "SELECT count(*) FROM shop"),
    ("What do all sales come to?", "SELECT sum(amount) FROM sale"),
    ("Which shops have sold something?", "SELECT DISTINCT name FROM shop JOIN sale ON sale.shop_id = shop.shop_id"),
)


def database(path: Path, script: str = SHOP) -> Path:
    """Makes a database of a script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(path))
    connection.execute(script).fetchall()
    connection.close()
    return path


def entries(db_id: str, gold_key: str = "query") -> list[dict[str, Any]]:
    """Entries of a question file about one database."""
    return [{"db_id": db_id, "question": text, gold_key: sql} for text, sql in QUESTIONS]


def write_json(path: Path, value: object) -> Path:
    """Writes a JSON file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def spider(root: Path) -> Path:
    """Spider's layout: database north for training, south for evaluation."""
    for db_id in ("north", "south"):
        database(root / "database" / db_id / f"{db_id}.sqlite")
    write_json(root / "train_spider.json", entries("north"))
    write_json(root / "dev.json", entries("south"))
    write_json(root / "tables.json", [])
    return root
