"""What the demo asks the simulated Kling: its numbers, and the tasks that it was made to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from kling_daemon.demo.errors import DemoError


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A result file as Kling has it."""

    url: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KlingTask:
    """A task as Kling has it, which the daemon knows as a job."""

    id: str
    external_id: str | None
    state: str
    called_back: frozenset[str]
    """The states of which a callback arrived."""
    files: tuple[ResultFile, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read one of `GET /simulator/tasks`."""
        return cls(
            id=data["id"],
            external_id=data["external_id"],
            state=data["state"],
            called_back=frozenset(data["called_back"]),
            files=tuple(
                ResultFile(url=file["url"], size=file["size"], sha256=file["sha256"]) for file in data["files"]
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KlingNumbers:
    """What Kling has done so far."""

    due: int
    """Callbacks that its jobs' changes called for."""
    lost: int
    doubled: int
    reordered: int
    sent: int
    """True callbacks, doubles included."""
    answers: Mapping[str, int]
    """True callbacks by the HTTP status that they were answered with, or `unreachable`."""
    forged: int
    requests: Mapping[str, int]
    """By kind: `create`, `query`, `legacy_query`, `file`."""
    slots_full: int
    """Creates that were refused with 1303."""
    is_idle: bool
    """Nothing is still to come."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `GET /simulator/stats`; what never happened is not named there."""
        callbacks = data["callbacks"]
        return cls(
            due=callbacks.get("due", 0),
            lost=callbacks.get("lost", 0),
            doubled=callbacks.get("duplicated", 0),
            reordered=callbacks.get("reordered", 0),
            sent=callbacks.get("sent", 0),
            answers=data["answers"],
            forged=callbacks.get("forged", 0),
            requests=data["requests"],
            slots_full=data["refused"].get("1303", 0),
            is_idle=data["idle"],
        )


class SimulatedKling:
    """The simulator's control API; its methods raise aiohttp's errors."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """Take where it listens."""
        self.url = url
        self._session = session

    @staticmethod
    def url_from(announcement: str) -> str:
        """Return the URL from the line that `simulate --json` prints once it listens."""
        try:
            return str(json.loads(announcement)["url"])
        except (ValueError, LookupError, TypeError):
            raise DemoError("The simulator did not say where it listens.") from None

    async def numbers(self) -> KlingNumbers:
        """Return what it has done so far."""
        return KlingNumbers.from_json(await self._get("stats"))

    async def tasks(self) -> tuple[KlingTask, ...]:
        """Return every task, in the order of the creates."""
        return tuple(KlingTask.from_json(task) for task in await self._get("tasks"))

    async def _get(self, name: str) -> Any:
        async with self._session.get(f"{self.url}/simulator/{name}") as answer:
            return await answer.json()
