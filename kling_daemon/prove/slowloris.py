"""The slowloris campaign: more connections than there is room for drip for ever, and true callbacks get through."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import CALLBACK_PATH, PrivateDaemon
from kling_daemon.prove.raw_requests import callback
from kling_daemon.prove.witnesses import WitnessSetting

NAME = "slowloris"
SHORT, LONG = timedelta(seconds=10), timedelta(minutes=2)
FEW, MANY = 200, 500
"""How many connections drip: as many as there is room for, to see how long they may; and then twice that and more."""

_OPEN_FILES = 1024
"""What the daemon may open, of which a quarter is for callbacks: about half as many as drip."""
_FEW_FILES = ("sh", "-c", f'ulimit -n {_OPEN_FILES}; exec "$@"', "sh")
_HEAD, _BODY = 10.0, 30.0
_LATE = 1.0
"""How many seconds later than promised the end of a connection may reach us on a busy machine."""
_ANSWERED_WITHIN = 1.0
_DRIP = 0.5
_OF_HEADS = f"POST {CALLBACK_PATH} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode()
_OF_BODIES = b"%bx\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n" % _OF_HEADS


@dataclass
class _Tally:
    """What came of it so far, in seconds."""

    heads: list[float] = field(default_factory=list)
    bodies: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    closed: int = 0
    """How many connections were closed when there were too many of them."""


async def slowloris(plan: Plan, lasting: timedelta | None = None) -> Outcome:
    """Keep connections dripping, few and then too many, and send true callbacks meanwhile."""
    lasting = lasting or (SHORT if plan.short else LONG)
    folder, tally = plan.folder(NAME), _Tally()
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=()) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=[WitnessSetting(name="swift")]) as daemon,
    ):
        program = await daemon.start(_FEW_FILES)
        if not await daemon.ready(program):
            return concluded(NAME, f"see {daemon.log}", [f"not ready; its status is {program.status}"])
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send_true(daemon.port, plan.dice(NAME, "true"), over, tally), name="true callbacks")
            await _few(daemon.port, tally)
            await _many(daemon.port, lasting, tally)
            over.set()
        if (status := await program.stop()) != 0:
            tally.findings.append(f"the daemon ended with status {status}")
    tally.findings += [f"the daemon logged: {complaint}" for complaint in daemon.complaints()]
    for kind, lasted, limit in (("head", tally.heads, _HEAD), ("body", tally.bodies, _BODY)):
        if late := [seconds for seconds in lasted if seconds > limit + _LATE]:
            tally.findings.append(f"{len(late)} connections dripped a {kind} for up to {max(late):.1f} s")
    if late := [seconds for seconds in tally.waits if seconds > _ANSWERED_WITHIN]:
        tally.findings.append(f"{len(late)} true callbacks waited for up to {max(late):.1f} s")
    line = (
        f"{FEW} connections that dripped were closed, heads after {max(tally.heads):.1f} s and bodies after "
        f"{max(tally.bodies):.1f} s at the latest, and of {MANY} at a time {tally.closed} in "
        f"{lasting.total_seconds():g} s; "
        f"{len(tally.waits)} true callbacks among them, each answered within {max(tally.waits, default=0):.2f} s"
    )
    return concluded(NAME, f"{line} (seed {plan.seed})", tally.findings)


async def _few(port: int, tally: _Tally) -> None:
    """Let as many connections drip as there is room for, until all of them are closed."""
    async with asyncio.timeout(2 * _BODY), asyncio.TaskGroup() as tasks:
        slow = {
            kind: [tasks.create_task(_drip(port, kind), name="slow connection") for _ in range(FEW // 2)]
            for kind in (_OF_HEADS, _OF_BODIES)
        }
    tally.heads = [task.result() for task in slow[_OF_HEADS]]
    tally.bodies = [task.result() for task in slow[_OF_BODIES]]


async def _many(port: int, lasting: timedelta, tally: _Tally) -> None:
    """Let more connections drip than there is room for, each made anew when it is closed, for some time."""

    async def again_and_again(first: bytes) -> None:
        while True:
            await _drip(port, first)
            tally.closed += 1
            await asyncio.sleep(_DRIP)

    with suppress(TimeoutError):
        async with asyncio.timeout(lasting.total_seconds()), asyncio.TaskGroup() as tasks:
            for number in range(MANY):
                tasks.create_task(again_and_again(_OF_HEADS if number % 2 else _OF_BODIES), name="slow connection")


async def _drip(port: int, first: bytes) -> float:
    """Drip until the connection is closed by the other side, and return for how many seconds that was."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(first)
            while not await _closed(reader):
                writer.write(b"x")
                await writer.drain()
        finally:
            writer.close()
    return loop.time() - began


async def _closed(reader: asyncio.StreamReader) -> bool:
    """Wait for the next drip; True when the connection is closed before."""
    try:
        async with asyncio.timeout(_DRIP):
            await reader.read()
    except TimeoutError:
        return False
    return True


async def _send_true(port: int, dice: random.Random, over: asyncio.Event, tally: _Tally) -> None:
    loop = asyncio.get_running_loop()
    while not over.is_set():
        began = loop.time()
        line = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(10 * _ANSWERED_WITHIN):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(callback(dice, CALLBACK_PATH, signed=True, legacy=False))
                    line = await reader.readline()
                finally:
                    writer.close()
        tally.waits.append(loop.time() - began)
        if line != b"HTTP/1.1 200 OK\r\n":
            tally.findings.append(f"a true callback was answered {line!r} after {loop.time() - began:.1f} s")
        await asyncio.sleep(0.1)
