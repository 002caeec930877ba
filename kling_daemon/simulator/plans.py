"""What will become of a simulated job: decided when it is created, by the seed and the job's number alone."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kling_daemon.simulator.chance import chance
from kling_daemon.simulator.settings import SimulatorSettings

FAIL_EVERY = 4
"""`fail` picks one job out of each run of this many."""


class Failure(StrEnum):
    """Why a job fails, in Kling's words; the message is all that Kling tells."""

    MODERATION = "Failure to pass the risk control system"
    """Kling's content rules refused the input or the result."""
    INPUT = "Something went wrong when we tried to get the contents of the file."
    """Kling could not fetch what the job refers to."""
    DELETED = "deleted"
    """It was deleted while it was made, which Kling tells by a status word of its own and no message."""
    OTHER = "Something went wrong. Please try again later."
    """Kling does not tell why."""


WISHES = {
    "[simulate: moderation]": Failure.MODERATION,
    "[simulate: input]": Failure.INPUT,
    "[simulate: deleted]": Failure.DELETED,
    "[simulate: other]": Failure.OTHER,
}
"""What a prompt may contain so that its job fails for sure, whatever the rates."""


STRANGE_WORDS = ("reviewing", "in_queue", "preparing")
"""Status words that Kling might use one day, and that no client knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The life of one job."""

    submitted: timedelta
    """How long it stays submitted, by the clock on the wall (already divided by the speed)."""
    processing: timedelta
    """How long it is then processed, likewise."""
    failure: Failure | None
    """How it fails; None when it succeeds."""
    strange_word: str | None = None
    """The status word under which it is told while it is processed; None for the usual one."""


AT_ONCE = Plan(submitted=timedelta(0), processing=timedelta(0), failure=None)
"""The life of what is answered as soon as it is asked for."""


def plan(settings: SimulatorSettings, number: int, prompt: str) -> Plan:
    """Decide the life of the number-th job; the same one each time it is asked."""
    dice = chance(settings.seed, "plan", number)
    return Plan(
        submitted=settings.submitted.choose(dice) / settings.speed,
        processing=settings.processing.choose(dice) / settings.speed,
        failure=_wished(prompt) or _counted(settings, number) or _diced(settings, dice.random()),
        strange_word=_strange_word(settings, number),
    )


def _wished(prompt: str) -> Failure | None:
    return next((failure for wish, failure in WISHES.items() if wish in prompt), None)


def _counted(settings: SimulatorSettings, number: int) -> Failure | None:
    block, place = divmod(number - 1, FAIL_EVERY)
    if block >= settings.fail or chance(settings.seed, "fail", block).randrange(FAIL_EVERY) != place:
        return None
    return Failure.INPUT if block % 2 else Failure.MODERATION


def _diced(settings: SimulatorSettings, roll: float) -> Failure | None:
    if roll < settings.fail_moderation:
        return Failure.MODERATION
    if roll < settings.fail_moderation + settings.fail_input:
        return Failure.INPUT
    return Failure.OTHER if roll < settings.fail_moderation + settings.fail_input + settings.fail_other else None


def _strange_word(settings: SimulatorSettings, number: int) -> str | None:
    dice = chance(settings.seed, "word", number)
    return dice.choice(STRANGE_WORDS) if dice.random() < settings.unknown_status else None
