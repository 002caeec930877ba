"""The part of the client that shows handlers and what they are given, and has it given to them again."""

from collections.abc import Collection
from datetime import datetime

from kling_daemon.client.connection import Connection, segment
from kling_daemon.client.models import (
    DeliveryInFullModel,
    DeliveryModel,
    ForgottenModel,
    HandlerModel,
    Page,
    ReplayedModel,
)
from kling_daemon.clock import optional, to_rfc3339


class Deliveries:
    """What a `Daemon` knows of handlers and their deliveries."""

    _connection: Connection

    async def deliveries(
        self,
        *,
        state: str | None = None,
        handler: str | None = None,
        job: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryModel]:
        """Return a part of the deliveries, the latest first."""
        query = {"state": state, "handler": handler, "job": job, "limit": limit, "cursor": cursor}
        return await self._connection.get("deliveries", Page[DeliveryModel], query)

    async def delivery(self, delivery: int) -> DeliveryInFullModel:
        """Return one delivery with its attempts."""
        return await self._connection.get(f"deliveries/{delivery}", DeliveryInFullModel)

    async def drop_delivery(self, delivery: int) -> DeliveryModel:
        """Close a delivery for good that waits or is dead."""
        return await self._connection.post(f"deliveries/{delivery}/drop", {}, DeliveryModel)

    async def retry_delivery(self, delivery: int) -> DeliveryModel:
        """Give a delivery that is not done all its attempts again, at once."""
        return await self._connection.post(f"deliveries/{delivery}/retry", {}, DeliveryModel)

    async def handlers(self) -> Page[HandlerModel]:
        """Return every handler, loaded or parked."""
        return await self._connection.get("handlers", Page[HandlerModel])

    async def forget_handler(self, name: str) -> ForgottenModel:
        """Drop what a handler that is not configured any more has waiting or dead, and collect no more for it."""
        return await self._connection.post(f"handlers/{segment(name)}/forget", {}, ForgottenModel)

    async def replay(
        self,
        handler: str,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        dry_run: bool = False,
    ) -> ReplayedModel:
        """Give a handler a part of the stored events once more; call it with `next` and `until` for the others.

        No types means all that it takes; dry_run only counts.
        """
        order = {
            "job": job,
            "types": sorted(types) or None,
            "since": optional(to_rfc3339, since),
            "until": optional(to_rfc3339, until),
            "cursor": cursor,
            "dry_run": dry_run,
        }
        return await self._connection.post(f"handlers/{segment(handler)}/replay", order, ReplayedModel)
