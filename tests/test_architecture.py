"""The map of the code in docs/architecture.md shows the code as it is."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import kling_daemon
from kling_daemon.store.migrate import migrate

ROOT = Path(kling_daemon.__file__).parent
TEXT = (ROOT.parent / "docs" / "architecture.md").read_text()


def test_every_room_is_on_the_map_and_no_other():
    (table,) = re.findall(r"^\| room \|.*?\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    shown = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    there = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert sorted(shown) == sorted(name for name in there if not name.startswith("_"))


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`([a-z_/]+(?:\.py|/))`", TEXT))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_table_of_the_database_is_told_of_and_no_other(tmp_path):
    (table,) = re.findall(r"^\| table \|.*?\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    with closing(sqlite3.connect(tmp_path / "kling.db", isolation_level=None)) as db:
        migrate(db)
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert told == there
