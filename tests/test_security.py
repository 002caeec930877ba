"""The threat model in SECURITY.md names tests that exist, in tables that can be read."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import kling_daemon

ROOT = Path(kling_daemon.__file__).parents[1]
HEADER = ["attacker", "what they try", "what stops it", "which test proves it"]
_REFERENCE = re.compile(r"`([\w/.-]+\.py)::(test_\w+)(?:\[[^`]*\])?`")


def tables():
    """Return the lines of each table."""
    blocks = (ROOT / "SECURITY.md").read_text().split("\n\n")
    return [block.strip().splitlines() for block in blocks if block.lstrip().startswith("|")]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows():
    return [cells(line) for _, _, *lines in tables() for line in lines]


@cache
def names_defined_in(path):
    """Return the names of the tests that a file defines for pytest to find."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_table_has_the_four_columns():
    assert tables()
    for head, rule, *rest in tables():
        assert cells(head) == HEADER
        assert cells(rule) == ["---"] * len(HEADER)
        assert rest


def test_no_row_stands_outside_of_a_table():
    lines = (ROOT / "SECURITY.md").read_text().splitlines()
    assert sum(line.lstrip().startswith("|") for line in lines) == len(rows()) + 2 * len(tables())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:60])
def test_each_row_says_who_what_and_by_which_test(row):
    assert len(row) == len(HEADER), f"not four cells (a | in the text?): {row}"
    assert all(row), f"an empty cell: {row}"
    named = _REFERENCE.findall(row[3])
    assert named, f"names no test as `path::test_name`: {row[3]}"
    assert _REFERENCE.sub("", row[3]).strip(", ") == "", f"more than tests: {row[3]}"
    for path, name in named:
        assert name in names_defined_in(path), f"{path} has no {name}"


def test_nothing_is_said_twice():
    tried = [(row[0], row[1]) for row in rows()]
    assert len(set(tried)) == len(tried)
