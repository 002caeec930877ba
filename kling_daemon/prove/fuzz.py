"""The fuzz campaign: callbacks whose bytes have had accidents do no harm, and whole ones among them are answered."""

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import CALLBACK_PATH, PrivateDaemon
from kling_daemon.prove.raw_requests import callback, mutated, pieces
from kling_daemon.prove.witnesses import WitnessSetting

NAME = "fuzz"
SHORT, LONG = timedelta(seconds=10), timedelta(minutes=10)

_SENDERS = 8
_ANSWERED_WITHIN = 5.0
_LISTENED = 0.2
"""How many seconds an answer is waited for to what may be no whole request."""
_MOST_FINDINGS = 10
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
_TELLTALES = (b"aiohttp", b"Python", b"Traceback")


@dataclass
class _Tally:
    """What came of it so far."""

    sent: int = 0
    true: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)

    def find(self, what: str) -> None:
        """Note what broke; of very much of it, the first."""
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(what)


async def fuzz(plan: Plan, lasting: timedelta | None = None) -> Outcome:
    """Send damaged callbacks over real sockets for some time, and whole ones among them."""
    lasting = lasting or (SHORT if plan.short else LONG)
    folder, tally = plan.folder(NAME), _Tally()
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=()) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=[WitnessSetting(name="swift")]) as daemon,
    ):
        program = await daemon.start()
        if not await daemon.ready(program):
            return concluded(NAME, f"see {daemon.log}", [f"not ready; its status is {program.status}"])
        async with asyncio.TaskGroup() as tasks:
            end = asyncio.get_running_loop().time() + lasting.total_seconds()
            for number in range(_SENDERS):
                tasks.create_task(_send_damaged(daemon.port, plan.dice(NAME, number), end, tally), name="damaged")
            tasks.create_task(_send_whole(daemon.port, plan.dice(NAME, "whole"), end, tally), name="whole")
        if (status := await program.stop()) != 0:
            tally.find(f"the daemon ended with status {status}")
    for complaint in daemon.complaints():
        tally.find(f"the daemon logged: {complaint}")
    if not tally.sent or not tally.true:
        tally.find("nothing was sent")
    told = ", ".join(f"{count} times {status}" for status, count in sorted(tally.answers.items()))
    line = (
        f"{tally.sent} damaged callbacks in {lasting.total_seconds():g} s ({told}), {tally.true} whole ones among "
        f"them, each answered within {tally.slowest:.2f} s (seed {plan.seed})"
    )
    return concluded(NAME, line, tally.findings)


async def _send_damaged(port: int, dice: random.Random, end: float, tally: _Tally) -> None:
    while asyncio.get_running_loop().time() < end:
        path = dice.choice((CALLBACK_PATH, CALLBACK_PATH, f"{CALLBACK_PATH}/{'x' * 36}.{'y' * 43}", "/healthz"))
        whole = [_some_callback(dice, path) for _ in range(dice.choice((0, 0, 1, 3)))]
        damaged = mutated(dice, _some_callback(dice, path))
        after = mutated(dice, _some_callback(dice, path)) if dice.random() < 0.25 else b""  # noqa: PLR2004 - seldom
        request = b"".join(whole) + damaged + after
        got = await _exchange(port, pieces(dice, request))
        tally.sent += 1
        statuses = [int(status) for status in _STATUS.findall(got)]
        tally.answers.update(statuses)
        if any(status >= 500 for status in statuses) or any(word in got for word in _TELLTALES):  # noqa: PLR2004 - 5xx
            tally.find(f"{request!r} was answered {got!r}")


async def _send_whole(port: int, dice: random.Random, end: float, tally: _Tally) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < end:
        began = loop.time()
        request = callback(dice, CALLBACK_PATH, signed=True, legacy=dice.random() < 0.5)  # noqa: PLR2004 - either
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(request)
                    line = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            line = repr(error).encode()
        tally.true += 1
        tally.slowest = max(tally.slowest, loop.time() - began)
        if line != b"HTTP/1.1 200 OK\r\n":
            tally.find(f"a whole callback was answered {line!r}")
        await asyncio.sleep(0.02)


async def _exchange(port: int, packets: list[bytes]) -> bytes:
    """Send packets one by one, and return what is answered until nothing more comes."""
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return got
    try:
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(_LISTENED):
            while more := await reader.read(65_536):
                got += more
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return got


def _some_callback(dice: random.Random, path: str) -> bytes:
    return callback(dice, path, signed=dice.random() < 0.5, legacy=dice.random() < 0.5)  # noqa: PLR2004 - either
