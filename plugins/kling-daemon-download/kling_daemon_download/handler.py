"""The handler: one completed job in, its files on disk out."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from kling_daemon.plugin import (
    DeliveryContext,
    EventType,
    HandlerContext,
    HttpRefusedError,
    JobEvent,
    Notice,
    Reject,
    Retry,
)
from kling_daemon_download.config import DownloadConfig
from kling_daemon_download.errors import DownloadError
from kling_daemon_download.fetch import fetch
from kling_daemon_download.folder import Folder
from kling_daemon_download.names import safe, unsigned
from kling_daemon_download.part import PARTIAL, Part
from kling_daemon_download.plan import Plan, PlannedFile
from kling_daemon_download.sidecar import SavedFile, read_sidecar, write_sidecar
from kling_daemon_download.template import PathTemplate

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PAUSE_WHEN_FULL = timedelta(minutes=5)
_PART_LIFETIME = timedelta(days=30)
"""Kling deletes results after 30 days: what is older will never be whole."""


@asynccontextmanager
async def open_downloader(config: DownloadConfig, context: HandlerContext) -> AsyncIterator["Downloader"]:
    """Make sure that the directory can be written to; raise DownloadError, with what to do, when it cannot."""
    folder = Folder(root=config.directory, keep_free=config.keep_free)
    try:
        stale = await asyncio.to_thread(_prepare, folder)
    except OSError as error:
        raise DownloadError(
            f"cannot save files below {config.directory}: {error.strerror} ({error.filename}); "
            "make it writable for the daemon's user or set another `directory`"
        ) from error
    if stale:
        context.log.info("old partial files removed", count=stale)
    yield Downloader(config, folder)


class Downloader:
    """Saves the files of completed jobs; the same event again finds them and fetches nothing."""

    def __init__(self, config: DownloadConfig, folder: Folder) -> None:
        """Take a directory that can be written to."""
        self._config = config
        self._folder = folder
        self._template = PathTemplate.parse(config.path)

    async def handle(self, event: JobEvent | Notice, context: DeliveryContext) -> Mapping[str, Any]:
        """Save every file of the job and return where: `{"files": [{"path", "size", "sha256", "role"}]}`.

        Raises Reject for what can never be fetched, Retry when the disk is full or the server asks for a pause,
        and DownloadError or HttpError for what another attempt may mend.
        """
        if not isinstance(event, JobEvent) or event.type is not EventType.COMPLETED:
            raise Reject("only job.completed has files: name nothing else in this handler's `events`")
        try:
            files = await self._save(event, context)
        except HttpRefusedError as error:
            raise Reject(str(error)) from error
        except OSError as error:
            raise self._explained(error) from error
        return {
            "files": [
                {
                    "path": str(self._folder.root.absolute() / file.path),
                    "size": file.size,
                    "sha256": file.sha256,
                    "role": file.role,
                }
                for file in files
            ]
        }

    async def _save(self, event: JobEvent, context: DeliveryContext) -> list[SavedFile]:
        """Fetch what is not on disk yet, one file after the other, and write the record last."""
        plan = Plan.of(event.job, self._template, watermarked=self._config.watermarked)
        recorded = await asyncio.to_thread(read_sidecar, self._folder, plan.sidecar)
        cursor = await context.load_cursor()
        remembered = [saved for data in cursor or () if (saved := SavedFile.from_json(data)) is not None]
        known = {(file.index, file.url): file for file in (*(recorded or ()), *remembered)}
        files: list[SavedFile] = []
        for planned in plan.files:
            saved = known.get((planned.index, unsigned(planned.file.url)))
            if saved is None or not await asyncio.to_thread(saved.is_on_disk, self._folder):
                saved = await self._fetch(event, planned, context)
                files.append(saved)
                await context.save_cursor([file.as_json() for file in files])
            else:
                files.append(saved)
        if self._config.sidecar and files != recorded:
            await asyncio.to_thread(write_sidecar, self._folder, plan.sidecar, event, files)
        return files

    async def _fetch(self, event: JobEvent, planned: PlannedFile, context: DeliveryContext) -> SavedFile:
        # Two handlers may share a directory: their parts must not mix, whereas the whole files are the same.
        part = Part(self._folder, f"{safe(context.name)}-{safe(event.job_id)}-{planned.index}")
        try:
            await fetch(context.http, planned.file, part, heartbeat=context.heartbeat)
            path = planned.path(part.note.ext if part.note is not None else "")
            await asyncio.to_thread(part.finish, path)
        except OSError as error:
            if error.errno in _FULL:
                # Halves of files must not keep a disk full on which then none of them can become whole.
                await asyncio.to_thread(part.discard)
            raise
        saved = SavedFile(
            index=planned.index,
            role=planned.file.role,
            path="/".join(path),
            size=part.size,
            sha256=part.sha256,
            url=unsigned(planned.file.url),
        )
        context.log.info("file saved", path=saved.path, size=saved.size)
        return saved

    def _explained(self, error: OSError) -> Exception:
        """Return what a person should read, and what should follow, when the disk refuses."""
        message = f"{error.strerror}: {error.filename}"
        if error.errno not in _FULL:
            return DownloadError(message)
        return Retry(f"{message}; make room, it is tried again in {_PAUSE_WHEN_FULL}", after=_PAUSE_WHEN_FULL)


def _prepare(folder: Folder) -> int:
    """Make the directory, prove that it can be written to, and return how many stale parts were removed."""
    folder.root.mkdir(parents=True, exist_ok=True)
    probe = (PARTIAL, "probe")
    folder.create(probe)
    folder.remove(probe)
    stale = folder.older_than(time.time() - _PART_LIFETIME.total_seconds(), (PARTIAL,))
    for name in stale:
        folder.remove((PARTIAL, name))
    return len(stale)
