"""What becomes of one callback on its way: decided by the seed, the job and the state alone."""

from dataclasses import dataclass
from datetime import timedelta

from kling_daemon.simulator.chance import chance
from kling_daemon.simulator.forgeries import Forgery
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.simulated_jobs import SimulatedJob

_ID_DIGITS = 10**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How one callback travels. At most one of `lost`, `duplicated`, `reordered` and `late_by` holds."""

    delay: timedelta
    late_by: timedelta
    """How much later than that it is sent, past its job's next ones; nothing for one that is not late."""
    webhook_id: str
    lost: bool
    duplicated: bool
    duplicate_id: str
    """The `webhook-id` of the second copy: the same in half of the cases, for nobody knows which Kling does."""
    reordered: bool
    """It waits until the job's next callback was sent. Never true of the last one."""
    forgery: Forgery | None
    """What an attacker posts just before it."""


def fate_of(settings: SimulatorSettings, job: SimulatedJob) -> Fate:
    """Decide how the callback about a job's present state travels; the same answer each time it is asked."""
    dice = chance(settings.seed, "fate", job.number, job.state)
    roll, forged = dice.random(), dice.random() < settings.forge
    first_id, second_id = (str(_ID_DIGITS + dice.randrange(_ID_DIGITS)) for _ in range(2))
    lose, duplicate = settings.lose, settings.lose + settings.duplicate
    reorder = duplicate + settings.reorder
    late = reorder <= roll < reorder + settings.late
    return Fate(
        delay=settings.delay.choose(dice),
        late_by=settings.late_by.choose(chance(settings.seed, "late", job.number, job.state)) if late else timedelta(0),
        webhook_id=first_id,
        lost=roll < lose,
        duplicated=lose <= roll < duplicate,
        duplicate_id=dice.choice((first_id, second_id)),
        reordered=duplicate <= roll < reorder and not job.state.is_terminal,
        forgery=dice.choice(tuple(Forgery)) if forged else None,
    )
