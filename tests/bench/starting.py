"""How soon the command line answers: `--help`, which a person waits for, against what `run` has to import."""

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

_HELP = ("-m", "kling_daemon", "--help")
_RUN = ("-c", "import kling_daemon.cli.run, kling_daemon.cli.checking, kling_daemon.app, kling_daemon.telemetry")
"""What the verb imports until the daemon starts, without starting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Seconds from the start of a process to its end, one of each kind in each round."""

    help: list[float]
    run: list[float]


def measure(rounds: int) -> Starts:
    """Start fresh processes in turn; the first of each, which may find no byte code and cold files, does not count."""
    starts = Starts(help=[], run=[])
    for number in range(rounds + 1):
        took = _took(_HELP), _took(_RUN)
        if number:
            starts.help.append(took[0])
            starts.run.append(took[1])
    return starts


def _took(words: tuple[str, ...]) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def rows(starts: Starts) -> list[tuple[str, str, str, str]]:
    """Return the line of the table: what, measured, wanted, and the figures behind it."""
    ratio = statistics.median(help_ / run for help_, run in zip(starts.help, starts.run, strict=True))
    shown, imported = (statistics.median(seconds) * 1000 for seconds in (starts.help, starts.run))
    figures = f"{shown:.0f} ms; {imported:.0f} ms"
    return [("--help, to the imports of run", f"{ratio:.2f}", "under 0.25", figures)]
