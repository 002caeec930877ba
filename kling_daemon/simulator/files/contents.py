"""The bytes of each result file, and the content type under which they are served, by its name's extension."""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from kling_daemon.simulator.files.media import mp4, png
from kling_daemon.simulator.files.sounds import mp3, wav
from kling_daemon.simulator.files.subtitles import ass, srt

Maker = Callable[[str, int], bytes]

_KINDS: Mapping[str, tuple[str, Maker]] = MappingProxyType(
    {
        "mp4": ("video/mp4", mp4),
        "png": ("image/png", png),
        "mp3": ("audio/mpeg", mp3),
        "wav": ("audio/wav", wav),
        "srt": ("application/x-subrip", srt),
        "ass": ("text/x-ssa", ass),
    }
)


def content(name: str, size: int) -> bytes:
    """Return the bytes of the file of a name: the same ones whenever asked, other ones for every other name."""
    return _KINDS[_extension(name)][1](name, size)


@lru_cache(maxsize=100_000)
def measures(name: str, size: int) -> tuple[int, str]:
    """Return the length and the SHA-256 of the file of a name: remembered, for of large ones that takes a while."""
    body = content(name, size)
    return len(body), hashlib.sha256(body).hexdigest()


def content_type(name: str) -> str:
    """Return the content type of the file of a name."""
    return _KINDS[_extension(name)][0]


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
