"""The part of the client that shows kept callbacks and has their signatures checked again."""

from datetime import datetime

from kling_daemon.client.connection import Connection
from kling_daemon.client.models import CallbackModel, CheckedCallbackModel, Page
from kling_daemon.clock import optional, to_rfc3339


class Callbacks:
    """What a `Daemon` knows of kept callbacks."""

    _connection: Connection

    async def callbacks(
        self,
        *,
        job: str | None = None,
        verdict: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CallbackModel]:
        """Return a part of the kept callbacks, the latest first; it may be short, and goes on while it has a `next`.

        since: aware; only those that came for the first time from then on.
        """
        query = _query(job, verdict, since, limit, cursor)
        return await self._connection.get("callbacks", Page[CallbackModel], query)

    async def check_callbacks(
        self,
        *,
        job: str | None = None,
        verdict: str | None = None,
        since: datetime | None = None,
        callback: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CheckedCallbackModel]:
        """Return a part of the kept callbacks with what came of checking their signatures again; see `callbacks`.

        callback: only the one with this id.
        """
        query = _query(job, verdict, since, limit, cursor) | {"callback": callback}
        return await self._connection.get("callbacks/checks", Page[CheckedCallbackModel], query)


def _query(
    job: str | None, verdict: str | None, since: datetime | None, limit: int, cursor: str | None
) -> dict[str, str | int | None]:
    return {
        "job": job,
        "verdict": verdict,
        "since": optional(to_rfc3339, since),
        "limit": limit,
        "cursor": cursor,
    }
