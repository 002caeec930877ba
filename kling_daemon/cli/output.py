"""Printing: JSON for programs, tables for people; colours and frames on a terminal only."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.table import Table

Command = TypeVar("Command", bound=Callable[..., Any])
Row = Sequence[str]

_CONTROLS = re.compile("[\x7f-\x9f]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_GAP = "  "
_WHOLE = 32
"""Ids, times and Kling's paths stay in one piece on a terminal; what is longer is told in several lines."""

COLOURS = {
    "succeeded": "green", "done": "green", "open": "green", "ready": "green",
    "failed": "red", "dead": "red", "closed": "red", "broken": "red",
    "processing": "cyan", "running": "cyan", "opening": "cyan",
    "queued": "yellow", "pending": "yellow", "unloaded": "yellow",
}  # fmt: skip
"""How a cell that holds nothing but one of these words looks on a terminal."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the daemon answers it.")


def print_json(value: Any) -> None:
    """Print JSON: on one line for programs, indented on a terminal."""
    _print_json(value, indent=2 if sys.stdout.isatty() else None)


def print_json_line(value: Any) -> None:
    """Print JSON as one of many lines, at once."""
    _print_json(value, indent=None)
    sys.stdout.flush()


def _print_json(value: Any, *, indent: int | None) -> None:
    # A locale other than UTF-8 lacks most characters, which JSON can bear as escapes.
    is_utf = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_utf, indent=indent)
    # JSON lets stand what some terminals obey and what UTF-8 cannot write.
    text = _CONTROLS.sub(_escaped, text)
    print(re.sub("[\ud800-\udfff]", _escaped, text))


def print_table(headings: Row, rows: Sequence[Row]) -> None:
    """Print rows below headings."""
    if sys.stdout.isatty():
        from rich.console import Console

        # Where it does not fit the terminal breaks its lines, which can be read: columns of single letters cannot.
        Console().print(rich_table(headings, rows, whole=_WHOLE), crop=False)
        return
    lines = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        print(_GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def rich_table(headings: Row, rows: Sequence[Row], *, whole: int = 0) -> "Table":
    """Return a table for a terminal; whole: cells up to this width are never broken, however narrow that is."""
    from rich.table import Table
    from rich.text import Text

    shown = [[printable(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, heading in enumerate(headings):
        # The first column names a thing: whoever copies it needs all of it.
        widest = max((len(row[place]) for row in shown), default=0)
        least = max(len(heading), min(widest, whole)) if whole else None
        table.add_column(heading, no_wrap=place == 0, overflow="fold", min_width=least)
    for cells in shown:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in cells))
    return table


def print_columns(cells: Row, widths: Sequence[int]) -> None:
    """Print a line of a table whose end nobody knows, at once; every cell but the last has a width."""
    shown = [printable(cell) for cell in cells]
    columns = [cell.ljust(width) for cell, width in zip(shown[:-1], widths, strict=True)]
    print(_GAP.join([*columns, shown[-1]]).rstrip(), flush=True)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line; those without a value are left out."""
    told = [(name, printable(value)) for name, value in facts if value]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        print(f"{name.ljust(width)}{_GAP}{value}")


def printable(text: str) -> str:
    """Return text in which nothing is left that a terminal would obey: Kling's words and callers' ids are shown."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
