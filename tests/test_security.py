"""The threat model in SECURITY.md names tests that exist, in a table that can be read."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import kling_daemon

ROOT = Path(kling_daemon.__file__).parents[1]
HEADER = ["attacker", "what they try", "what stops it", "which test proves it"]
_REFERENCE = re.compile(r"`([\w/.-]+\.py)::(test_\w+)(?:\[[^`]*\])?`")


def lines_of_table():
    lines = (ROOT / "SECURITY.md").read_text().splitlines()
    return [line for line in lines if line.startswith("|")]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows():
    return [cells(line) for line in lines_of_table()[2:]]


@cache
def names_defined_in(path):
    """Return the names of the tests that a file defines for pytest to find."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_table_has_its_four_columns_and_no_second_table_hides_rows():
    head, rule, *rest = lines_of_table()
    assert cells(head) == HEADER
    assert cells(rule) == ["---"] * len(HEADER)
    assert rest


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
