"""Small videos and pictures that really play, each of distinct bytes, padded to any size."""

import hashlib
import struct
import zlib
from functools import cache
from importlib.resources import files

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EDGE = 64
_BOX_HEADER = 8
_CHUNK_OVERHEAD = 12


def mp4(mark: str, size: int = 0) -> bytes:
    """Return a five-second H.264 clip that bears a mark, of at least `size` bytes.

    Mark and padding stand in a trailing `free` box (ISO 14496-12, 8.1.2), which every player passes over.
    """
    clip = _clip()
    padding = filling(mark, size - len(clip) - _BOX_HEADER)
    return b"".join((clip, struct.pack(">I4s", _BOX_HEADER + len(padding), b"free"), padding))


def png(mark: str, size: int = 0) -> bytes:
    """Return a picture of 64 by 64 pixels, coloured by its mark, of at least `size` bytes.

    Padding stands in a private chunk that decoders pass over (PNG specification, 4.7.2: ancillary, safe to copy).
    """
    digest = hashlib.sha256(mark.encode()).digest()
    palette = bytes(value for shade in range(_EDGE) for value in (digest[0], digest[1] ^ shade, digest[2] ^ shade * 4))
    head = b"".join(
        (
            _PNG_SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", _EDGE, _EDGE, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tEXt", b"Comment\0" + mark.encode("latin-1")),
            _chunk(b"IDAT", _slope()),
        )
    )
    missing = size - len(head) - 2 * _CHUNK_OVERHEAD
    padding = _chunk(b"kdFl", filling(mark, missing)) if missing > 0 else b""
    return b"".join((head, padding, _chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def filling(mark: str, size: int) -> bytes:
    """Return bytes that differ from mark to mark: a digest, repeated; at least one digest's length."""
    digest = hashlib.sha256(mark.encode()).digest()
    return (digest * (max(size, 0) // len(digest) + 1))[: max(size, len(digest))]


@cache
def _slope() -> bytes:
    """Return the picture's points, compressed: one shade of the palette more with each row and column."""
    rows = (b"\0" + bytes((x + y) // 2 for x in range(_EDGE)) for y in range(_EDGE))
    return zlib.compress(b"".join(rows))


@cache
def _clip() -> bytes:
    """Return the clip without mark. It holds no one's work: `docs/simulator.md` tells the command that made it."""
    return files("kling_daemon.simulator.files").joinpath("clip.mp4").read_bytes()
