"""All campaigns by name, and how some of them are run one after the other."""

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from kling_daemon.prove.crash import crash, crash_with_key_pair
from kling_daemon.prove.forgery import forgery
from kling_daemon.prove.fuzz import fuzz
from kling_daemon.prove.outcomes import Outcome, Verdict, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.poison import poison
from kling_daemon.prove.slowloris import slowloris
from kling_daemon.prove.stop import stop
from kling_daemon.prove.sweep import sweep
from kling_daemon.prove.sync import sync
from kling_daemon.prove.versions import versions

Campaign = Callable[[Plan], Awaitable[Outcome]]

CAMPAIGNS: Mapping[str, Campaign] = {
    "crash": crash,
    "key-pair": crash_with_key_pair,
    "sweep": sweep,
    "sync": sync,
    "poison": poison,
    "stop": stop,
    "forgery": forgery,
    "fuzz": fuzz,
    "slowloris": slowloris,
    "versions": versions,
}


async def prove(names: Sequence[str], plan: Plan, campaigns: Mapping[str, Campaign] = CAMPAIGNS) -> list[Outcome]:
    """Run some campaigns in the given order and return their outcomes; each line is told as soon as it is known."""
    outcomes = []
    for name in names:
        plan.say(f"{name}: begun")
        try:
            outcome = _judged(await campaigns[name](plan), plan)
        except Exception as error:  # noqa: BLE001 - one that breaks off must not keep the others from being run
            outcome = concluded(name, "broken off", ["".join(traceback.format_exception(error)).rstrip()])
        plan.say(str(outcome))
        outcomes.append(outcome)
    return outcomes


def _judged(outcome: Outcome, plan: Plan) -> Outcome:
    """Return the outcome; in CI one that was skipped has failed, for nobody would read that something is missing."""
    if plan.in_ci and outcome.verdict is Verdict.SKIPPED:
        return replace(outcome, verdict=Verdict.FAILED, findings=(f"cannot be proved here: {outcome.line}",))
    return outcome
