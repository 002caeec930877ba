"""The part of the client that shows events: those that have happened, and each as it happens."""

from collections.abc import Collection
from datetime import datetime, timedelta

import aiohttp

from kling_daemon.client.connection import Connection
from kling_daemon.client.event_stream import EventStream, Lost
from kling_daemon.client.models import EventModel, Page
from kling_daemon.clock import optional, to_rfc3339

LAST_EVENT_ID = "Last-Event-ID"


class Events:
    """What a `Daemon` knows of events."""

    _connection: Connection

    async def list_events(
        self,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[EventModel]:
        """Return a part of the events, the latest first unless told otherwise; no types means all.

        since, until: aware; events at `until` are not answered.
        """
        query = {
            "job": job,
            "type": ",".join(sorted(types)) or None,
            "since": optional(to_rfc3339, since),
            "until": optional(to_rfc3339, until),
            "order": "oldest" if oldest_first else None,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._connection.get("events", Page[EventModel], query)

    def events(
        self,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        cursor: str | None = None,
        patience: timedelta | None = None,
        on_loss: Lost = lambda _error: None,
    ) -> EventStream:
        """Return a stream of events, from now on unless `since` or an earlier stream's `cursor` says otherwise.

        job, types: only those of this job or of these types. patience: how long the daemon may be away before the
        stream ends with an error; None for however long. on_loss: told when the stream is being looked for again.
        """
        query = {"job": job, "type": ",".join(sorted(types)) or None, "since": optional(to_rfc3339, since)}

        async def connect(place: str | None) -> aiohttp.ClientResponse:
            return await self._connection.stream("events", query, {LAST_EVENT_ID: place} if place is not None else {})

        return EventStream(connect, cursor=cursor, patience=patience, on_loss=on_loss)
