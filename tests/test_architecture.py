"""The map of the code in docs/architecture.md shows the code as it is."""

import re
from pathlib import Path

import kling_daemon

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
