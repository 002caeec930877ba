"""`kling-daemon batch`: have a job created for each line of a file, once each, however often it is run."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

import click

from kling_daemon.cli.durations import DurationType, brief
from kling_daemon.cli.exit_codes import FAILED, UNREACHABLE
from kling_daemon.cli.output import json_option, print_facts, print_json, printable
from kling_daemon.cli.pairs import TAG, PairType
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.cli.batch_ends import BatchEnds
    from kling_daemon.cli.batch_lines import Plan
    from kling_daemon.cli.batch_run import MistakesError, Progress
    from kling_daemon.cli.local_answers import BatchModel

LONGEST_NAME = 150
MOST_MISTAKES = 100
"""How many are told; whoever has made more has made the same one often."""
USAGE = 2


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--name", metavar="NAME", help="The batch's name, by default the file's; another one makes other jobs.")
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), help="How it is written, by default by its name."
)
@click.option("--endpoint", metavar="PATH", help="Where lines that name no endpoint are created.")
@click.option("--tag", "tags", type=TAG, multiple=True, metavar="KEY=VALUE", help="A note on every job; repeatable.")
@click.option(
    "--set",
    "fields",
    type=PairType("field", "FIELD=VALUE"),
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a body's field where it is left out; repeatable.",
)
@click.option("--allow-unknown-fields", is_flag=True, help="Let fields pass that Kling is not known to read.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the jobs to their ends.")
@click.option("--timeout", type=DurationType(), help="Stop waiting so long after the last was submitted, such as 2h.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Append each job to it as JSON at its end."
)
@json_option
@where_options
@pass_where
def batch(
    where: Where,
    *,
    file: str,
    name: str | None,
    form: str | None,
    endpoint: str | None,
    tags: Sequence[tuple[str, str]],
    fields: Sequence[tuple[str, str]],
    allow_unknown_fields: bool,
    wait: bool,
    timeout: timedelta | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Have a job created for each line of FILE, JSONL or CSV; - for standard input.

    All lines are checked before anything is submitted. Run again after Ctrl-C, a crash or an error, it goes on where it
    was: a line whose job was created is not submitted twice.
    """
    from kling_daemon.cli.batch_fields import FieldError, read_name, read_value
    from kling_daemon.cli.batch_lines import Plan

    if not wait and (timeout is not None or output is not None):
        raise click.UsageError("--timeout and --output need --wait")
    name = name or ("stdin" if file == "-" else Path(file).name)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise click.UsageError(f"give the batch a --name of up to {LONGEST_NAME} printable characters")
    set_fields = []
    for key, value in fields:
        try:
            place, is_json = read_name(key)
            set_fields.append((place, read_value(value, is_json=is_json)))
        except FieldError as error:
            raise click.UsageError(f"--set {key}={value}: {error}") from None
    plan = Plan(
        name=name,
        endpoint=endpoint,
        tags=dict(tags),
        fields=set_fields,
        allow_unknown=allow_unknown_fields,
    )
    from kling_daemon.cli.batch_ends import ends_in

    with _opened(file) as opened, ends_in(output) as ends:
        work = _Work(file=opened, form=form or _form_of(file), plan=plan, wait=wait, patience=timeout)
        status = _carry_out(where, work, ends, as_json=as_json)
    raise click.exceptions.Exit(status)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be done."""

    file: BinaryIO
    form: str
    plan: "Plan"
    wait: bool
    patience: timedelta | None


def _carry_out(where: Where, work: _Work, ends: "BatchEnds", *, as_json: bool) -> int:
    """Carry the batch out, say what it came to, and return the exit status."""
    from kling_daemon.cli.batch_files import Form
    from kling_daemon.cli.batch_lines import lines_of
    from kling_daemon.cli.batch_run import MistakesError, Progress, run_batch
    from kling_daemon.cli.following import is_live
    from kling_daemon.cli.interruption import InterruptedExit, run_interruptibly
    from kling_daemon.cli.watching import Watch
    from kling_daemon.client import Daemon

    progress, began, signalled = Progress(), time.monotonic(), 0

    async def carry_out(daemon: Daemon) -> None:
        await run_batch(
            daemon,
            lambda: lines_of(work.file, Form(work.form), work.plan),
            progress,
            Watch(daemon, ends.take),
            wait=work.wait,
            patience=work.patience,
            live=is_live(as_json=as_json),
        )

    try:
        talk(where, carry_out, run=run_interruptibly)
    except MistakesError as error:
        _tell_mistakes(error)
        return USAGE
    except InterruptedExit as interrupted:
        signalled = interrupted.status
    _tell(work, progress, ends, time.monotonic() - began, as_json=as_json)
    if progress.lost is not None:
        click.echo(f"Error: {progress.lost}", err=True)
    if progress.lost is not None or signalled:
        click.echo(
            f"Lines not submitted: {progress.left}. The same command again goes on from here; no line is sent twice.",
            err=True,
        )
        return signalled or UNREACHABLE
    failed = bool(progress.refused) or (work.wait and ends.succeeded < len(progress.lines))
    return FAILED if failed else 0


def _tell(work: _Work, progress: "Progress", ends: "BatchEnds", seconds: float, *, as_json: bool) -> None:
    from kling_daemon.cli.local_answers import BatchModel

    result = BatchModel(
        name=work.plan.name,
        lines=len(progress.lines),
        created=progress.created,
        known=len(progress.known),
        succeeded=ends.succeeded,
        failed=dict(ends.failed),
        refused=[{"line": line, "detail": detail} for line, detail in sorted(progress.refused.items())],
        cost=ends.cost(),
        seconds=round(seconds, 3),
    )
    if as_json:
        print_json(result.as_json())
    else:
        print_facts(_facts(result))
        for refusal in result.refused:
            click.echo(f"Error: line {refusal.line}: {printable(refusal.detail)}", err=True)


def _facts(result: "BatchModel") -> list[tuple[str, str]]:
    failed = sum(result.failed.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(result.failed.items()))
    still = result.created + result.known - result.succeeded - failed
    return [
        ("batch", result.name),
        ("lines", str(result.lines)),
        ("created", str(result.created)),
        ("known", f"{result.known}, created by an earlier run" if result.known else ""),
        ("refused", str(len(result.refused)) if result.refused else ""),
        ("succeeded", str(result.succeeded)),
        ("failed", f"{failed} ({reasons})" if failed else ""),
        ("still open", str(still) if still else ""),
        ("cost", ", ".join(" ".join(filter(None, (one.amount, one.kind, one.unit))) for one in result.cost)),
        ("took", brief(timedelta(seconds=result.seconds))),
    ]


def _tell_mistakes(error: "MistakesError") -> None:
    for mistake in error.mistakes[:MOST_MISTAKES]:
        click.echo(f"line {mistake.number}: {printable(mistake.message)}", err=True)
    if len(error.mistakes) > MOST_MISTAKES:
        click.echo(f"… and {len(error.mistakes) - MOST_MISTAKES} more", err=True)
    if error.nothing_submitted:
        click.echo("Error: nothing was submitted", err=True)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Open the file, or a copy of standard input, which could not be read twice."""
    if file == "-":
        with TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield copy
        return
    path = Path(file)
    try:
        opened = path.open("rb")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from None
    with opened:
        if not opened.seekable():
            raise click.UsageError(f"{file} can be read once only; give it as standard input, and - as FILE")
        yield opened


def _form_of(file: str) -> str:
    from kling_daemon.cli.batch_files import form_of

    return form_of(file)
