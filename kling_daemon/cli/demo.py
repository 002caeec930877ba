"""`kling-daemon demo`: forty jobs through the daemon, with a simulated Kling that misbehaves, checked at the end."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.exit_codes import FAILED
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table, printable

if TYPE_CHECKING:
    from kling_daemon.demo import Outcome, Scenario

DEFAULT_SEED = 169
"""With it, of forty jobs' 120 callbacks exactly 30 are lost and 30 doubled, and every kind of forgery is tried."""


@click.command()
@click.option("--jobs", type=click.IntRange(12, 150), default=40, show_default=True, help="How many jobs.")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Another seed, other mishaps.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the results are saved.  [default: a new folder among the temporary files]",
)
@click.option("--keep", is_flag=True, help="Keep configuration, database and logs as well, and say where.")
@json_option
def demo(*, jobs: int, seed: int, directory: Path | None, keep: bool, as_json: bool) -> None:
    """Run jobs through a daemon against a simulated Kling, and check that nothing is lost.

    Both are processes of their own. Callbacks are lost, doubled, reordered and forged, three jobs fail, and the account
    runs out of slots. The real Kling is asked nothing, and no daemon or configuration of yours is touched. Exits with 0
    only if every job has exactly one terminal event and every handler got every event.
    """
    from kling_daemon.cli.interruption import InterruptedExit, run_interruptibly
    from kling_daemon.demo import DemoError, Scenario

    try:
        outcome = run_interruptibly(_show(Scenario(jobs=jobs, seed=seed), directory, keep=keep, as_json=as_json))
    except DemoError as error:
        _complain(error.log, f"{error}{' Its last log lines are above.' if error.log else ''}")
        raise click.exceptions.Exit(FAILED) from None
    except OSError as error:
        raise click.ClickException(f"{error.strerror}: {error.filename}") from None
    except InterruptedExit as ended:
        click.echo(f"Ended by {ended}; both processes have ended too.", err=True)
        raise click.exceptions.Exit(ended.status) from None
    if outcome.findings:
        raise click.exceptions.Exit(FAILED)


async def _show(scenario: "Scenario", directory: Path | None, *, keep: bool, as_json: bool) -> "Outcome":
    """Carry the demo through and say what it came to; then clear away what shall not stay."""
    from kling_daemon.cli.demo_folders import folder_for_results, private_folder
    from kling_daemon.cli.demo_views import audience
    from kling_daemon.demo import Workspace, demonstrate

    with folder_for_results(directory, aside=as_json) as results, private_folder(keep=keep, aside=as_json) as private:
        workspace = Workspace.prepare(private, results)
        with audience(scenario, as_json=as_json) as looking:
            outcome = await demonstrate(scenario, workspace, begun=looking.begun, seen=looking.seen)
        _report(outcome, scenario, results, as_json=as_json)
    return outcome


def _report(outcome: "Outcome", scenario: "Scenario", results: Path, *, as_json: bool) -> None:
    from kling_daemon.cli.demo_summary import FILE_HEADINGS, facts, file_lines, summary

    if as_json:
        from kling_daemon.cli.local_answers import DemoModel

        answer = {"seed": scenario.seed, "directory": str(results), **summary(outcome)}
        print_json(DemoModel.model_validate(answer).as_json())
    else:
        click.echo()
        print_table(FILE_HEADINGS, file_lines(outcome, results))
        click.echo()
        print_facts(facts(outcome))
        click.echo()
    if outcome.findings:
        _complain(outcome.findings, f"{len(outcome.findings)} things are not as promised (seed {scenario.seed}).")
    elif not as_json:
        click.secho("Every job has exactly one terminal event, and every handler got every event.", fg="green")


def _complain(lines: Iterable[str], error: str) -> None:
    for line in lines:
        click.echo(f"  {printable(line)}", err=True)
    click.echo(f"Error: {error}", err=True)
