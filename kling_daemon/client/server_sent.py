"""Reads streams of server-sent events, as the HTML standard describes them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stands between two empty lines of a stream."""

    id: str | None
    """The place after it; None where none is told."""
    data: str | None
    """The event; None for a block that only tells something about the stream."""
    retry: int | None
    """After how many milliseconds to come back when the stream ends."""


class Blocks:
    """Puts blocks together from however the bytes arrive; what is not complete when the stream breaks never was."""

    def __init__(self) -> None:
        """Begin at the beginning of a stream."""
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, chunk: bytes) -> list[Block]:
        """Take bytes and return the blocks that are complete with them."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        blocks = []
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text:
                self._lines.append(text)
            elif self._lines:
                blocks.append(_block(self._lines))
                self._lines = []
        return blocks


def _block(lines: list[str]) -> Block:
    id_, retry, data = None, None, list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "id":
                id_ = value
            case "data":
                data.append(value)
            case "retry" if value.isascii() and value.isdigit():
                retry = int(value)
            case _:
                pass  # comments keep the connection alive, and there may be fields that we do not know
    return Block(id=id_, data="\n".join(data) if data else None, retry=retry)
