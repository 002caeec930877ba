"""The two folders of a demo: one for what stays, and one for all that goes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_PREFIX = "kling-demo-"
_PARTIAL = ".partial"
"""Where the archive keeps parts of files; after a demo nobody goes on with them."""


@contextmanager
def folder_for_results(directory: Path | None, *, aside: bool) -> Iterator[Path]:
    """Give the folder for results, a new one by default, and say at the end where it is; without results that goes.

    aside: say so on standard error. Raises OSError where nothing can be saved.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX)) if directory is None else _usable(directory.absolute())
    try:
        yield folder
    finally:
        if directory is None:
            shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
        if any(path.is_file() for path in folder.rglob("*")):
            click.echo(f"The results are in {folder}", err=aside)
        elif directory is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_folder(*, keep: bool, aside: bool) -> Iterator[Path]:
    """Give the folder for everything else, which goes at the end unless it is to be kept.

    aside: say on standard error where it is.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        if keep:
            click.echo(f"Configuration, database and logs are in {folder}", err=aside)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _usable(directory: Path) -> Path:
    """Make a directory if it is missing, and prove that it can be written to: the archive would try for long."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory):
        return directory
