"""Fetching one file into its `.part`, going on where an earlier attempt stopped."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from kling_daemon.plugin import HttpClient, HttpError, HttpResponse, OutputFile
from kling_daemon_download.answers import admit, continues, length, validator
from kling_daemon_download.errors import DownloadError
from kling_daemon_download.names import extension, unsigned
from kling_daemon_download.part import Note, Part, boot_id

_BLOCK = 1024 * 1024
"""How much is gathered before a thread writes it."""

_ANSWERS_TO_RANGE = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})


async def fetch(http: HttpClient, file: OutputFile, part: Part, *, heartbeat: Callable[[], None]) -> None:
    """Bring a part to its whole length.

    heartbeat is called for each MiB that came, so that a server that trickles does not hold the handler for ever.
    Raises Reject, Retry or DownloadError by the server's answer, HttpError when there is none or it breaks off
    (what came is kept), OSError when it cannot be written.
    """
    await asyncio.to_thread(part.recover, unsigned(file.url))
    # A second request is made when the server does not go on from where the part ends; by then there is no part.
    while not part.is_whole:
        async with http.request("GET", file.url, headers=_range(part)) as answer:
            if part.note is not None and answer.status in _ANSWERS_TO_RANGE:
                if not continues(answer, offset=part.size, size=part.note.size):
                    await asyncio.to_thread(part.discard)
                    continue
            else:
                admit(answer, file, host=_host(file.url), now=datetime.now(UTC))
                await asyncio.to_thread(part.begin, _note(file.url, answer))
            await _stream(answer, part, heartbeat)
        _check_length(part, _host(file.url))
        return


def _range(part: Part) -> dict[str, str]:
    """Return the headers that ask for the rest, if the file is still the same, or else for all of it."""
    if part.note is None or part.note.validator is None:
        return {}
    return {"Range": f"bytes={part.size}-", "If-Range": part.note.validator}


def _note(url: str, answer: HttpResponse) -> Note:
    return Note(
        url=unsigned(url),
        validator=validator(answer.headers),
        size=length(answer.headers),
        ext=extension(answer.headers.get("Content-Type"), url),
        boot=boot_id(),
    )


async def _stream(answer: HttpResponse, part: Part, heartbeat: Callable[[], None]) -> None:
    """Write a body as it comes; what came before it breaks off is written as well."""
    block = bytearray()
    try:
        async for chunk in answer.chunks():
            block += chunk
            if len(block) >= _BLOCK:
                full, block = block, bytearray()
                await asyncio.to_thread(part.append, full)
                heartbeat()
    except HttpError:
        await asyncio.to_thread(part.append, block)
        raise
    await asyncio.to_thread(part.append, block)


def _check_length(part: Part, host: str) -> None:
    """Raise DownloadError unless the part is whole, as far as anybody can tell."""
    expected = None if part.note is None else part.note.size
    if expected is not None and part.size != expected:
        raise DownloadError(f"{host}: {part.size} bytes came where {expected} were announced")
    if part.size == 0:
        raise DownloadError(f"{host}: the file is empty")


def _host(url: str) -> str:
    return urlsplit(unsigned(url)).hostname or "the URL"
