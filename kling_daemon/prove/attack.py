"""An attack with forged callbacks, posted by a process of their own; what it costs, and what it leaves behind."""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Self

import aiohttp

from kling_daemon.prove.evidence import gather
from kling_daemon.prove.forger import Answers
from kling_daemon.prove.forgeries import Forger, write
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.programs import Program

_BEGUN = timedelta(minutes=1)
_POSTED = timedelta(minutes=5)
_QUERIES = ("query", "legacy_query", "solutions_query")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """How much is posted, and how fast."""

    forged: int
    per_second: float


class Attack:
    """Forged callbacks that are being posted."""

    def __init__(self, program: Program, kling: SimulatedKling, asked: int) -> None:
        """Take what posts them, and whom the daemon asks and how often it had done so before; `begin` makes it."""
        self._program = program
        self._kling = kling
        self._asked = asked
        self._began = asyncio.get_running_loop().time()

    @classmethod
    async def begin(cls, daemon: PrivateDaemon, kling: SimulatedKling, forger: Forger, flood: Flood) -> Self:
        """Post a true callback, which is overheard, and begin with the forged ones."""
        true = forger.overheard
        async with (
            aiohttp.ClientSession() as session,
            session.post(daemon.origin + true.path, data=true.body.encode(), headers=true.headers) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise RuntimeError(f"a true callback was answered {answer.status}")
        file = daemon.folder / "forged.jsonl"
        write(file, forger.postings(flood.forged))
        program = await Program.start(
            [sys.executable, "-m", "kling_daemon.prove.forger", str(file), daemon.origin, str(flood.per_second)],
            log=daemon.folder / "forger.log",
            environ={},
            listen=True,
        )
        asked = await queries(kling)
        await program.line(_BEGUN)
        return cls(program, kling, asked)

    async def ended(self) -> Answers:
        """Return how they were answered, once all are."""
        answers: Answers = json.loads(await self._program.line(_POSTED))
        return answers

    async def queries(self) -> int:
        """Return how often Kling was asked about jobs since the beginning."""
        return await queries(self._kling) - self._asked

    def minutes(self) -> float:
        """Return how long it is ago that they began."""
        return (asyncio.get_running_loop().time() - self._began) / 60


async def queries(kling: SimulatedKling) -> int:
    """Return how often Kling was asked about jobs so far."""
    requests = (await kling.stats())["requests"]
    return sum(requests.get(kind, 0) for kind in _QUERIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What an attack has left in the database."""

    callbacks: int
    """How many rows."""
    bytes: int
    """By how much the files have grown."""


async def left_behind(
    daemon: PrivateDaemon, program: Program, kling: SimulatedKling, forger: Forger, flood: Flood
) -> Left:
    """Attack once more while nothing else happens, between two stops, since a stop tidies the files.

    program: the run of the daemon, which ends here.
    """
    await program.stop()
    before, rows = _size(daemon), len((await gather((), daemon, kling)).callbacks)
    again = await daemon.start()
    if not await daemon.ready(again):
        raise RuntimeError(f"the daemon did not start again; its status is {again.status}")
    attack = await Attack.begin(daemon, kling, forger, flood)
    await attack.ended()
    await again.stop()
    return Left(callbacks=len((await gather((), daemon, kling)).callbacks) - rows, bytes=_size(daemon) - before)


def _size(daemon: PrivateDaemon) -> int:
    return sum(file.stat().st_size for file in daemon.database if file.exists())
