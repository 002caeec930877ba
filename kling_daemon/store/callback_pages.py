"""Reads the kept callbacks in parts, the latest first, and one of them with all that its signature is checked by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kling_daemon.clock import optional, to_millis
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.queries import Queries
from kling_daemon.store.shown_rows import CallbackRow, callback_from_row, evident_moment

WINDOW = 1_000
"""How many callbacks one part looks at; where fewer of them than wanted are asked for, the part is short."""

_BEYOND = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFilter:
    """Which callbacks are asked for; by default all."""

    job_id: str | None = None
    verdict: str | None = None
    since: datetime | None = None
    """Only those that came for the first time from this moment on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvidence:
    """What shows that Kling has sent a callback: the request as it came last."""

    headers: bytes
    """The lines as they came, without credentials and capabilities."""
    body: bytes
    secret: str | None
    """The name of the secret that matched then; None for one without a signature."""
    received_at: datetime
    """When it came first."""
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """How often a secret was the one that matched, among what is kept."""

    secret: str
    callbacks: int
    """Repetitions count."""
    last_at: datetime


ALL_CALLBACKS = CallbackFilter()


class CallbackPages:
    """Parts of the list of all kept callbacks, which are numbered in the order in which they first came.

    Every method raises StoreUnavailableError when SQLite cannot answer.
    """

    def __init__(self, connection: ReaderConnection, *, window: int = WINDOW) -> None:
        """Take a read-only connection whose rows have names, and how many callbacks a part looks at."""
        self._queries = Queries(connection, "callback_pages")
        self._window = window

    async def falling(
        self, wanted: CallbackFilter = ALL_CALLBACKS, *, limit: int, before: int | None = None
    ) -> tuple[list[CallbackRow], int | None]:
        """Return callbacks, and before which number the list goes on: None at its end."""
        parameters: dict[str, Any] = {
            "before": _BEYOND if before is None else before,
            "verdict": wanted.verdict,
            "since": optional(to_millis, wanted.since),
            "job": wanted.job_id,
            "window": self._window,
            "limit": limit + 1,
        }
        further = None
        if wanted.job_id is None:
            (window,) = await self._queries.all("window", parameters)
            parameters["least"] = window["least"]
            is_last = window["rows"] < self._window
            is_old = parameters["since"] is not None and (window["oldest"] or 0) < parameters["since"]
            further = None if is_last or is_old else window["least"]
        found = await self._queries.all("page" if wanted.job_id is None else "of_job", parameters)
        rows = [callback_from_row(row) for row in found]
        if len(rows) > limit:
            return rows[:limit], rows[limit - 1].id
        return rows, further

    async def evidence(self, callback: int) -> KeptEvidence | None:
        """Return what one callback is proved by; None when there is none of this number, or not any more."""
        for row in await self._queries.all("evidence", (callback,)):
            return KeptEvidence(
                headers=row["headers"],
                body=row["body"],
                secret=row["secret"],
                received_at=evident_moment(row["received_at"]),
                last_at=evident_moment(row["last_at"]),
            )
        return None

    async def tallies(self) -> tuple[dict[str, int], list[SecretUse]]:
        """Count the callbacks that are kept, by verdict and by the secret that matched; repetitions count."""
        verdicts: dict[str, int] = {}
        secrets: list[SecretUse] = []
        for row in await self._queries.all("verdicts_and_secrets"):
            verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + row["received"]
            if row["secret"] is not None:
                last_at = evident_moment(row["last_at"])
                secrets.append(SecretUse(secret=row["secret"], callbacks=row["received"], last_at=last_at))
        return verdicts, _merged(secrets)


def _merged(uses: list[SecretUse]) -> list[SecretUse]:
    """Return one for each secret: callbacks that it signed may have had different verdicts."""
    merged: dict[str, SecretUse] = {}
    for use in uses:
        earlier = merged.get(use.secret, use)
        callbacks = use.callbacks if earlier is use else earlier.callbacks + use.callbacks
        merged[use.secret] = SecretUse(
            secret=use.secret, callbacks=callbacks, last_at=max(earlier.last_at, use.last_at)
        )
    return list(merged.values())
