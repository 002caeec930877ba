"""`python -m kling_daemon.prove`: run campaigns and exit with 1 if a promise broke."""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

from kling_daemon.prove.campaigns import CAMPAIGNS, prove
from kling_daemon.prove.outcomes import Outcome, Verdict
from kling_daemon.prove.plans import Plan

_SEEDS = 2**31


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("campaigns", nargs=-1, type=click.Choice(list(CAMPAIGNS)))
@click.option("--short", is_flag=True, help="Minutes instead of an hour: fewer of everything.")
@click.option(
    "--seed", type=int, help="Replay a run's choices; its seed stands at its end.  [default: another each time]"
)
def main(*, campaigns: tuple[str, ...], short: bool, seed: int | None) -> None:
    """Prove the daemon's promises against a private daemon and a simulated Kling; all CAMPAIGNS unless some are named.

    What a failed campaign left behind is kept and named. In CI (with $CI set) a campaign that cannot be carried out
    has failed.
    """
    scratch = Path(tempfile.mkdtemp(prefix="kling-prove-"))
    plan = Plan(
        short=short,
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        scratch=scratch,
        say=lambda line: click.echo(f"[{time.strftime('%H:%M:%S')}] {line}"),
        in_ci=bool(os.environ.get("CI")),
    )
    outcomes = asyncio.run(prove(campaigns or tuple(CAMPAIGNS), plan))
    _conclude(outcomes, plan)


def _conclude(outcomes: list[Outcome], plan: Plan) -> None:
    """Print what it all came to, clean up, and exit."""
    click.echo()
    for outcome in outcomes:
        click.echo(str(outcome))
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    click.echo(", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict) + f"; seed {plan.seed}")
    if verdicts[Verdict.FAILED]:
        click.echo(f"See {plan.scratch}; replay with --seed {plan.seed}", err=True)
        sys.exit(1)
    shutil.rmtree(plan.scratch)


if __name__ == "__main__":
    main(prog_name="python -m kling_daemon.prove")
