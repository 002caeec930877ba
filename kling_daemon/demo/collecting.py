"""Collecting what is left when the programs have ended: the daemon's events, and the files on disk."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kling_daemon.client.models import DeliveryModel
from kling_daemon.demo.evidence import SavedFile
from kling_daemon.demo.scenario import ARCHIVE
from kling_daemon.events import JobEvent
from kling_daemon.store import Reader


async def stored_events(state: Path, *, page_size: int = 500) -> tuple[JobEvent, ...]:
    """Return every event in a daemon's state directory, read page by page, in the order in which they happened."""
    events: list[JobEvent] = []
    async with Reader.of(state) as read:
        last = 0
        while page := await read.events(limit=page_size, after=last):
            last = page[-1][0]
            events += [event for _, event in page]
    return tuple(events)


async def saved_files(deliveries: Sequence[DeliveryModel], downloads: Path) -> tuple[SavedFile, ...]:
    """Return the files that the archive says it has saved, as they are on disk; one that is not there is left out.

    Only places are taken from what it says: sizes and digests are those of the bytes that are found.
    """
    return await asyncio.to_thread(lambda: tuple(_saved(deliveries, downloads.resolve())))


def _saved(deliveries: Sequence[DeliveryModel], downloads: Path) -> Iterator[SavedFile]:
    for delivery in deliveries:
        if delivery.handler != ARCHIVE or not isinstance(delivery.result, dict) or delivery.job_id is None:
            continue
        for told in delivery.result.get("files", ()):
            path = Path(told["path"]).resolve()
            if path.is_relative_to(downloads) and path.is_file():
                body = path.read_bytes()
                digest = hashlib.sha256(body).hexdigest()
                yield SavedFile(job_id=delivery.job_id, path=path, size=len(body), sha256=digest)
