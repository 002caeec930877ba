"""`kling-daemon demo`: forty jobs through the daemon, with a simulated Kling that misbehaves, checked at the end."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.exit_codes import FAILED
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table, printable

if TYPE_CHECKING:
    from kling_daemon.demo import Outcome, Scenario

DEFAULT_SEED = 169
"""With it, of forty jobs' 120 callbacks exactly 30 are lost and 30 doubled, and every kind of forgery is tried."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PREFIX = "kling-demo-"


@click.command()
@click.option("--jobs", type=click.IntRange(12, 150), default=40, show_default=True, help="How many jobs.")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Another seed, other mishaps.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the results are saved.  [default: a new folder for temporary files]",
)
@click.option("--keep", is_flag=True, help="Keep configuration, database and logs as well, and say where.")
@json_option
def demo(*, jobs: int, seed: int, directory: Path | None, keep: bool, as_json: bool) -> None:
    """Run jobs through a daemon against a simulated Kling, and check that nothing is lost.

    Both are processes of their own. Callbacks are lost, doubled, reordered and forged, three jobs fail, and the account
    runs out of slots. Nothing is asked of the real Kling; no daemon or configuration of yours is touched. Exits with 0
    only if every job has exactly one terminal event and every handler got every event.
    """
    from kling_daemon.demo import DemoError, Scenario

    try:
        with (
            _folder_for_results(directory, as_json=as_json) as results,
            _private_folder(keep=keep, as_json=as_json) as private,
        ):
            outcome = _run(Scenario(jobs=jobs, seed=seed), private, results, as_json=as_json)
            _report(outcome, seed=seed, results=results, as_json=as_json)
    except DemoError as error:
        _complain(error.log, f"{error}{' Its last log lines are above.' if error.log else ''}")
        raise click.exceptions.Exit(FAILED) from None
    except OSError as error:
        raise click.ClickException(f"{error.strerror}: {error.filename}") from None
    if outcome.findings:
        raise click.exceptions.Exit(FAILED)


def _run(scenario: "Scenario", private: Path, results: Path, *, as_json: bool) -> "Outcome":
    """Carry the demo through; a signal ends it, its processes and then this one, with 128 and the signal's number."""
    from kling_daemon.cli.demo_views import audience
    from kling_daemon.demo import Workspace, demonstrate

    taken: list[signal.Signals] = []

    async def carried_through() -> "Outcome":
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101 - a coroutine that runs is in a task

        def take(number: signal.Signals) -> None:
            taken.append(number)
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, take, number)
        workspace = Workspace.prepare(private, results)
        with audience(scenario, as_json=as_json) as looking:
            return await demonstrate(scenario, workspace, begun=looking.begun, seen=looking.seen)

    try:
        return asyncio.run(carried_through())
    except asyncio.CancelledError:
        click.echo(f"Ended by {taken[0].name}; no process of the demo is left.", err=True)
        raise click.exceptions.Exit(128 + taken[0]) from None


def _report(outcome: "Outcome", *, seed: int, results: Path, as_json: bool) -> None:
    from kling_daemon.cli.demo_summary import FILE_HEADINGS, facts, file_lines, summary

    if as_json:
        print_json({"seed": seed, "directory": str(results), **summary(outcome)})
    else:
        click.echo()
        print_table(FILE_HEADINGS, file_lines(outcome, results))
        click.echo()
        print_facts(facts(outcome))
        click.echo()
    if outcome.findings:
        _complain(outcome.findings, f"{len(outcome.findings)} things are not as promised (seed {seed}).")
    elif not as_json:
        click.secho("Every job has exactly one terminal event, and every handler got every event.", fg="green")


def _complain(lines: tuple[str, ...], error: str) -> None:
    for line in lines:
        click.echo(f"  {printable(line)}", err=True)
    click.echo(f"Error: {error}", err=True)


@contextmanager
def _folder_for_results(directory: Path | None, *, as_json: bool) -> Iterator[Path]:
    """Give a folder for what stays, and say at the end where it is; nothing stays where nothing was saved."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX)) if directory is None else directory.absolute()
    try:
        yield folder
    finally:
        if any(path.is_file() for path in folder.rglob("*")):
            click.echo(f"The results are in {folder}", err=as_json)
        elif directory is None:
            shutil.rmtree(folder)


@contextmanager
def _private_folder(*, keep: bool, as_json: bool) -> Iterator[Path]:
    """Give a folder for everything else, which goes at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        if keep:
            click.echo(f"Configuration, database and logs are in {folder}", err=as_json)
        else:
            shutil.rmtree(folder, ignore_errors=True)
