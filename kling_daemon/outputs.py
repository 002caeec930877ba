"""What a finished job yields: its outputs with their files, and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from kling_daemon.clock import from_rfc3339, optional, to_rfc3339
from kling_daemon.fast_init import fast_init


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """One downloadable file of an output."""

    role: str
    """What it is to its output: `main`, `watermark`, `mp3`, `wav`, `frontal`, …; an open set."""
    url: str = field(repr=False)
    """Where Kling serves it, without credentials, until it expires. Never logged or shown: it is the permission."""
    expires_at: datetime | None
    """When Kling deletes it; None when neither the URL nor the report tells."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API, events and sidecars show."""
        return {"role": self.role, "url": self.url, "expires_at": optional(to_rfc3339, self.expires_at)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(role=data["role"], url=data["url"], expires_at=optional(from_rfc3339, data["expires_at"]))


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result of a job: a video, an image, an audio, …."""

    type: str
    """Kling's word for what it is: `video`, `image`, `audio`, …; an open set."""
    id: str | None
    """Kling's id of the result, by which other jobs can refer to it."""
    duration: str | None
    """Length in seconds, as the string that Kling sent; None for what has no length."""
    files: tuple[OutputFile, ...]
    """Its files, the main one first."""

    @property
    def url(self) -> str | None:
        """The main file's URL; None for an output without files."""
        return self.files[0].url if self.files else None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API, events and sidecars show."""
        return {
            "type": self.type,
            "id": self.id,
            "url": self.url,
            "duration": self.duration,
            "files": [file.as_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            type=data["type"],
            id=data["id"],
            duration=data["duration"],
            files=tuple(OutputFile.from_json(file) for file in data["files"]),
        )


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of what Kling charged for a job."""

    kind: str
    """`unit` (of a resource pack), `cash`, or another word that Kling sent."""
    amount: str
    """The decimal number as the string that Kling sent; arithmetic is the reader's."""
    unit: str | None
    """What is counted: a package type for units, a currency for cash; None when Kling does not say."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API, events and sidecars show."""
        return {"kind": self.kind, "amount": self.amount, "unit": self.unit}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(kind=data["kind"], amount=data["amount"], unit=data["unit"])
