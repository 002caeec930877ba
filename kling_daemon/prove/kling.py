"""The simulated Kling of a campaign: a process of its own that stays up while the daemon is killed."""

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp

from kling_daemon.prove.programs import Program

API_KEY = "sk-proof"
KEY_PAIR = {"KLING_ACCESS_KEY": "ak-proof", "KLING_SECRET_KEY": "the secret key of a Kling that is made up"}
"""What the daemon has instead of the API key where it must do without one; Kling takes both."""
SECRET = "whsec_cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2Y="  # noqa: S105 - of a Kling that is made up
_STARTING = timedelta(seconds=60)
_ALREADY_EXISTS = "already exists"


class SimulatedKling:
    """What a campaign does at Kling without the daemon, and what it asks Kling about."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """Take where it listens; `running` makes it."""
        self.url = url
        self._session = session

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, *, seed: int, options: Sequence[str]) -> AsyncIterator[Self]:
        """Run a simulator with some options of `kling-daemon simulate` until the context is left."""
        program = await Program.start(
            [sys.executable, "-m", "kling_daemon", "simulate", "--json", "--listen=127.0.0.1:0", f"--seed={seed}",
             "--video-slots=0", "--image-slots=0", *options],
            log=folder / "simulator.log",
            environ={"KLING_API_KEY": API_KEY, "KLING_SIMULATOR_SECRETS": SECRET, **KEY_PAIR},
            listen=True,
        )  # fmt: skip
        try:
            url = json.loads(await program.line(_STARTING))["url"]
            limits = aiohttp.ClientTimeout(total=30)
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}, timeout=limits) as session:
                yield cls(url, session)
        finally:
            await program.kill()

    async def create(self, path: str, body: Mapping[str, Any]) -> bool:
        """Create a task as another program would; True when it exists now, False when that is not clear."""
        try:
            async with self._session.post(self.url + path, json=body) as answer:
                told = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        return told["code"] == 0 or _ALREADY_EXISTS in told["message"]

    async def stats(self) -> dict[str, Any]:
        """Return its numbers."""
        numbers: dict[str, Any] = await self._control("stats")
        return numbers

    async def tasks(self) -> list[dict[str, Any]]:
        """Return every task that was ever created, with its state and files."""
        tasks: list[dict[str, Any]] = await self._control("tasks")
        return tasks

    async def callbacks(self) -> list[dict[str, Any]]:
        """Return every true callback that was sent, with its answer."""
        callbacks: list[dict[str, Any]] = await self._control("callbacks")
        return callbacks

    async def _control(self, name: str) -> Any:
        async with self._session.get(f"{self.url}/simulator/{name}") as answer:
            return await answer.json()
