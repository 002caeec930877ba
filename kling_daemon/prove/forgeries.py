"""What a forger sends at the receiver: callbacks of every kind that he can make without the webhook secret.

What he has overheard he may send again, and one job's callback URL has come into his hands.
"""

import base64
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path

from kling_daemon.clock import EPOCH
from kling_daemon.ids import new_id
from kling_daemon.simulator.forgeries import ATTACKER_URL
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, sign
from kling_daemon.tracking import Capabilities

_STALE = timedelta(minutes=10)
_FAR = 1_000_000
"""How far a guessed id lies from one that there is: near enough, and none that there is."""
_JSON = {"Content-Type": "application/json"}


class Trick(StrEnum):
    """What the forger tries."""

    UNSIGNED = "unsigned"
    """No signature, on the plain path, about a job that there is."""
    GUESSED = "guessed id"
    """The same about an id that he makes up, near one that there is."""
    WRONG_SECRET = "wrong signature"  # noqa: S105 - the name of a trick
    """All headers in order, signed with a secret of his own."""
    STALE = "stale"
    """Signed with the true secret, ten minutes ago."""
    NEW_ID = "replayed under a new id"
    """What was overheard just now, with another `webhook-id`."""
    REPLAYED = "replayed as it was"
    """What was overheard just now, byte by byte: it is true, and a duplicate."""
    WRONG_CAPABILITY = "wrong capability"
    """The callback URL of a job, but for its last letter."""
    ANOTHERS_CAPABILITY = "another job's capability"
    """The one callback URL that has come into his hands, with a body about another job."""
    UNKNOWN_JOB = "unknown job"
    """A capability that is right, of a job that there is not, as after a restored backup."""


REFUSED = frozenset({401, 429})
ANSWERS: Mapping[Trick, frozenset[int]] = {
    **dict.fromkeys(Trick, REFUSED),
    Trick.UNSIGNED: frozenset({202, 429}),
    Trick.GUESSED: frozenset({202, 429}),
    Trick.REPLAYED: frozenset({200}),
    Trick.ANOTHERS_CAPABILITY: frozenset({200, 429}),
    Trick.UNKNOWN_JOB: frozenset({200, 202, 429}),
}
"""How each may be answered; 429 where there are too many of those that prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A job that the forger knows of."""

    job_id: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One callback, ready to be posted."""

    trick: Trick
    path: str
    headers: Mapping[str, str]
    body: str


class Forger:
    """Makes callbacks. It is given more than a forger has, to make what he would have overheard."""

    def __init__(
        self, *, path: str, victims: Sequence[Victim], secret: Secret, capabilities: Capabilities, dice: random.Random
    ) -> None:
        """Take the callback path, jobs, of which the first one's callback URL is known, and what makes true ones."""
        self._path = path
        self._victims = victims
        self._secret = secret
        self._own = Secret(name="forger", key=dice.randbytes(32))
        self._capabilities = capabilities
        self._dice = dice
        self._now = datetime.now(UTC)
        self._numbers = count()
        self._overheard = self._signed(secret, victims[-1], self._now, state="submitted")

    @property
    def overheard(self) -> Posting:
        """A true callback; it is to be posted once before any forged one."""
        return self._overheard

    def postings(self, how_many: int) -> Iterator[Posting]:
        """Yield so many callbacks, as many of each trick; never the same guess twice."""
        tricks = list(Trick)
        for number in range(how_many):
            yield self._posting(tricks[number % len(tricks)], self._dice.choice(self._victims))

    def _posting(self, trick: Trick, victim: Victim) -> Posting:
        match trick:
            case Trick.REPLAYED:
                return self._overheard
            case Trick.NEW_ID:
                headers = {**self._overheard.headers, HEADER_ID: f"msg_{next(self._numbers)}"}
                return Posting(trick=trick, path=self._path, headers=headers, body=self._overheard.body)
            case Trick.WRONG_SECRET | Trick.STALE:
                is_stale = trick is Trick.STALE
                at = self._now - _STALE if is_stale else self._now
                return self._signed(self._secret if is_stale else self._own, victim, at, trick=trick)
            case Trick.UNSIGNED | Trick.GUESSED:
                near = int(victim.task_id) + _FAR + next(self._numbers)
                task_id, path = victim.task_id if trick is Trick.UNSIGNED else str(near), self._path
            case _:
                task_id, path = victim.task_id, f"{self._path}/{self._capability(trick, victim)}"
        return Posting(trick=trick, path=path, headers=_JSON, body=self._body(task_id))

    def _capability(self, trick: Trick, victim: Victim) -> str:
        if trick is Trick.ANOTHERS_CAPABILITY:
            return self._capabilities.issue(self._victims[0].job_id)
        if trick is Trick.UNKNOWN_JOB:
            return self._capabilities.issue(new_id(self._now))
        right = self._capabilities.issue(victim.job_id)
        return right[:-1] + ("A" if right[-1] != "A" else "B")

    def _signed(
        self,
        secret: Secret,
        victim: Victim,
        at: datetime,
        *,
        trick: Trick = Trick.REPLAYED,
        state: str = "succeeded",
    ) -> Posting:
        body, seconds = self._body(victim.task_id, state), int((at - EPOCH).total_seconds())
        webhook_id = base64.urlsafe_b64encode(self._dice.randbytes(12)).decode()
        headers = {
            **_JSON,
            HEADER_ID: webhook_id,
            HEADER_TIMESTAMP: str(seconds),
            HEADER_SIGNATURE: sign(secret, webhook_id, seconds, body.encode()),
        }
        return Posting(trick=trick, path=self._path, headers=headers, body=body)

    def _body(self, task_id: str, state: str = "succeeded") -> str:
        """Return a callback about a task, as either API would write it, with the forger's own file if it succeeded."""
        millis = int(self._now.timestamp() * 1000)
        files = (
            [{"type": "video", "id": task_id, "url": ATTACKER_URL, "duration": "5.0"}] if state == "succeeded" else []
        )
        if state == "succeeded" and self._dice.random() < 0.5:  # noqa: PLR2004 - either way
            legacy = {"task_id": task_id, "task_status": "succeed", "created_at": millis, "updated_at": millis}
            return json.dumps({**legacy, "task_result": {"videos": files}})
        dated = {"message": "", "create_time": millis - 60_000, "update_time": millis - 60_000}
        return json.dumps({"id": task_id, "status": state, **dated, "outputs": files})


def write(path: Path, postings: Iterator[Posting]) -> None:
    """Write callbacks for the process that posts them."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(posting)) + "\n" for posting in postings)
