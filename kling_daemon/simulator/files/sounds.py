"""Small sounds that really play, each of distinct bytes, padded to any size."""

import struct
from functools import cache

from kling_daemon.simulator.files.media import filling

SECONDS = 5
_RATE = 8_000
_CHUNK_HEADER = 8
_WAV_HEADER = 44

_FRAME_HEADER = bytes((0xFF, 0xF3, 0x18, 0xC4))
"""MPEG-2 layer III, 8 kbit/s, 16 kHz, mono."""
_FRAME_SIZE, _SIDE_INFORMATION = 36, 9
_FRAME = _FRAME_HEADER.ljust(_FRAME_SIZE, b"\0")
"""A frame whose side information says that nothing sounds."""
_FRAMES = round(SECONDS / (576 / 16_000))
_TAG_HEADER, _TAG_FRAME_HEADER = 10, 10
_OWNER = b"simulator\0"


def wav(mark: str, size: int = 0) -> bytes:
    """Return five seconds of a quiet tone, as 8-bit PCM, of at least `size` bytes.

    Mark and padding stand in a trailing `JUNK` chunk, which every player passes over.
    """
    tone = _tone()
    junk = filling(mark, size - _WAV_HEADER - len(tone) - _CHUNK_HEADER)
    junk += b"\0" * (len(junk) % 2)  # chunks begin at even places
    body = b"".join(
        (
            b"WAVE",
            struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE, 1, 8),
            struct.pack("<4sI", b"data", len(tone)) + tone,
            struct.pack("<4sI", b"JUNK", len(junk)) + junk,
        )
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def mp3(mark: str, size: int = 0) -> bytes:
    """Return five seconds of silence, of at least `size` bytes.

    Mark and padding stand in a private frame of the ID3 tag in front (ID3v2.4, 4.27), which players pass over.
    """
    # In front a frame that tells how many follow, so that nobody has to estimate how long it lasts.
    count = _FRAME_HEADER + bytes(_SIDE_INFORMATION) + b"Info" + struct.pack(">II", 1, _FRAMES)
    frames = count.ljust(_FRAME_SIZE, b"\0") + _FRAME * _FRAMES
    private = _OWNER + filling(mark, size - len(frames) - _TAG_HEADER - _TAG_FRAME_HEADER - len(_OWNER))
    tag = b"PRIV" + _syncsafe(len(private)) + b"\0\0" + private
    return b"ID3\x04\0\0" + _syncsafe(len(tag)) + tag + frames


def _syncsafe(number: int) -> bytes:
    """Return a size as ID3 writes it: four times seven bits."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


@cache
def _tone() -> bytes:
    """Return a triangle wave of 250 Hz around the middle of 8 bits."""
    period = [*range(120, 136), *range(136, 120, -1)]
    return bytes(period * (_RATE * SECONDS // len(period)))
