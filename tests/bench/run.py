"""Measures the daemon against yardsticks in the same run, and prints a table of ratios.

A measurement, not a test: it fails only when something broke or an answered callback has left no rows. Rounds alternate
between the servers and ratios are taken within a round, since machines are noisy. Every round starts fresh processes.
"""

import argparse
import os
import sys

import acceptance
import flood
import million
import polling
import reaction
import starting
from cores import halves
from load import BrokenError
from rich.console import Console
from rich.table import Table


def main() -> int:
    """Run all measurements; 1 when one broke."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="3 short rounds instead of 7")
    short = parser.parse_args().short
    rounds, seconds = (3, 1.0) if short else (7, 2.0)
    servers, generator = halves()
    os.sched_setaffinity(0, generator)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        with console.status("") as status:
            accepted, reacted, flooded = [], [], []
            for number in range(rounds):
                first = number * 1_000_000
                status.update(f"round {number + 1} of {rounds}: under full load")
                accepted.append(acceptance.measure(seconds, first=first))
                status.update(f"round {number + 1} of {rounds}: at a steady pace")
                reacted.append(reaction.measure(2 * seconds, first=first + 500_000))
                status.update(f"round {number + 1} of {rounds}: among forged callbacks")
                flooded.append(flood.measure(4 * seconds, first=first + 700_000))
            status.update("polling")
            requests = polling.measure()
            status.update("many open jobs")
            crowd = million.measure()
            status.update("starting")
            starts = starting.measure(rounds)
    except BrokenError as error:
        console.print(f"broken: {error}", style="red", markup=False)
        return 1
    table = Table(title=f"medians of {rounds} rounds; servers on cores {_list(servers)}, load on {_list(generator)}")
    for heading in ("measured", "ratio", "wanted", "figures"):
        table.add_column(heading, justify="right" if heading == "ratio" else "left")
    measured = (
        *acceptance.rows(accepted),
        *reaction.rows(reacted),
        *flood.rows(flooded),
        *polling.rows(requests),
        *million.rows(crowd),
        *starting.rows(starts),
    )
    for row in measured:
        table.add_row(*row)
    console.print(table)
    return 0


def _list(cores: set[int]) -> str:
    return ",".join(map(str, sorted(cores)))


if __name__ == "__main__":
    sys.exit(main())
