"""Has all kept callbacks that are asked for checked by the daemon, part by part, and counts what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_daemon.client import Daemon
    from kling_daemon.client.models import CheckedCallbackModel

MOST_NAMED = 500
"""How many callbacks are named that do not verify; more of them have one cause."""

_PART = 200


@dataclass(slots=True)
class Tally:
    """What came of checking."""

    findings: Counter[str] = field(default_factory=Counter)
    unproved: "list[CheckedCallbackModel]" = field(default_factory=list)
    """The latest ones that do not verify."""

    @property
    def is_sound(self) -> bool:
        """True when there is none that does not verify."""
        return self.findings.keys() <= {"verified", "unsigned"}

    @property
    def summary(self) -> str:
        """One line for people."""
        if not self.findings:
            return "No such callback is kept."
        parts = [f"{self.findings['verified']} verified"]
        parts += [f"{self.findings[finding]} {words}" for finding, words in _WORDS.items() if self.findings[finding]]
        return f"{', '.join(parts)}."

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        from kling_daemon.cli.local_answers import VerifiedModel

        counts = {finding: self.findings[finding] for finding in ("verified", *_WORDS)}
        items = [callback.as_json() for callback in self.unproved]
        return VerifiedModel.model_validate({"checked": self.findings.total(), **counts, "items": items}).as_json()


_WORDS = {
    "unsigned": "without a signature",
    "secret_gone": "whose secret is no longer configured",
    "failed": "that do not verify",
}


async def check_all(daemon: "Daemon", *, job: str | None, callback: int | None, since: datetime | None) -> Tally:
    """Return what came of checking the callbacks of a job, the one with a number, or all of them."""
    tally, cursor = Tally(), None
    while True:
        page = await daemon.check_callbacks(job=job, callback=callback, since=since, limit=_PART, cursor=cursor)
        for checked in page.items:
            tally.findings[checked.finding] += 1
            if checked.finding not in {"verified", "unsigned"} and len(tally.unproved) < MOST_NAMED:
                tally.unproved.append(checked)
        if page.next is None:
            return tally
        cursor = page.next
