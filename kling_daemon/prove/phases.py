"""The phases in which the daemon is asked to stop: what brings it there, and how its end may look."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from signal import SIGINT, SIGTERM, Signals

from kling_daemon.client import DaemonError, DaemonUnreachableError
from kling_daemon.client.models import JobModel
from kling_daemon.prove.facts import until
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Order
from kling_daemon.prove.private_daemon import CALLBACK_PATH, PrivateDaemon
from kling_daemon.prove.programs import Program
from kling_daemon.prove.silence import Silence
from kling_daemon.prove.witness import Conduct
from kling_daemon.prove.witnesses import WitnessSetting

WITNESS = WitnessSetting(name="witness")
NEW, LEGACY = "/text-to-video/kling-3.0", "/v1/videos/text2video"
BODY = {"prompt": "a lighthouse"}

TOLD = Order(path=NEW, body=BODY, external_id="told", through_daemon=False)
"""Made behind the daemon's back; its signed callbacks are believed without asking Kling."""
HINTED = Order(path=LEGACY, body=BODY, external_id="hinted", through_daemon=False)
"""Made behind the daemon's back; its unsigned callbacks have the daemon ask Kling."""
SUBMITTED = Order(path=NEW, body=BODY, external_id="submitted", through_daemon=True)

_FOR_EVER = 10.0**6
_LOADED = 40
_OVERDUE = 1
"""The exit status of the watchdog, as `service.StopSignal` documents it."""
_INSISTED = 128 + SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a phase is brought about with."""

    daemon: PrivateDaemon
    program: Program
    kling: SimulatedKling
    silence: Silence
    held: AsyncExitStack
    """What is open until the daemon has ended."""
    tasks: asyncio.TaskGroup

    async def ready(self) -> None:
        """Wait until the daemon answers."""
        await self.daemon.ready(self.program)

    async def given(self) -> None:
        """Wait until a handler is in the midst of an event."""

        async def is_given() -> bool:
            return any(self.daemon.sightings().values())

        await until(is_given)

    async def has_logged(self, event: str) -> None:
        """Wait for a log line."""

        async def is_logged() -> bool:
            return any(json.loads(line)["event"] == event for line in self.daemon.log.read_text().splitlines())

        await until(is_logged)

    async def has_answered(self, count: int) -> None:
        """Wait until so many callbacks were answered 200."""

        async def are_answered() -> bool:
            return bool((await self.kling.stats())["answers"].get("200", 0) >= count)

        await until(are_answered)

    async def kling_is_through(self) -> None:
        """Wait until Kling has nothing more to tell."""

        async def is_idle() -> bool:
            return bool((await self.kling.stats())["idle"])

        await until(is_idle)

    async def waited_for(self) -> None:
        """Have a client wait for the end of a job that does not come."""
        begun = asyncio.Event()

        async def wait() -> None:
            with suppress(DaemonUnreachableError, DaemonError):
                async with self.daemon.client() as client:

                    async def first_job() -> JobModel | None:
                        return next(iter((await client.jobs()).items), None)

                    job = await until(first_job)
                    begun.set()
                    if job is not None:
                        await client.poll(job.id, timedelta(minutes=5))

        self.tasks.create_task(wait(), name="a client that waits")
        await begun.wait()

    async def half_sent(self) -> None:
        """Send a callback's head and none of its body."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.daemon.port)
        self.held.callback(writer.close)
        writer.write(f"POST {CALLBACK_PATH} HTTP/1.1\r\nHost: x\r\n".encode())
        writer.write(b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        await writer.drain()

    async def half_asked(self) -> None:
        """Send the head of a submission to the local API, and none of its body."""
        _, writer = await asyncio.open_unix_connection(self.daemon.socket)
        self.held.callback(writer.close)
        writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n")
        writer.write(f"Authorization: Bearer {self.daemon.token}\r\n".encode())
        writer.write(b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        await writer.drain()


Reach = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase, and what the stop must leave."""

    name: str
    reach: Reach
    witness: WitnessSetting = WITNESS
    """How the one handler behaves until the stop; afterwards it is prompt."""
    orders: tuple[Order, ...] = (TOLD, SUBMITTED)
    silent: bool = False
    """Kling answers nothing until the stop; afterwards it does."""
    signal: Signals = SIGTERM
    statuses: frozenset[int] = field(default=frozenset({0}))
    """How the process may end."""
    attempts: int = 1
    """The most attempts that any event may have taken when all is over."""
    given_once: bool = False
    """What had begun was let finish: no handler is called twice."""
    excused: frozenset[str] = frozenset()
    """What may be logged as an error."""


def starting(share: float) -> Phase:
    """Return the phase that comes after a share of the time that a start takes at most."""

    async def reach(_stage: Stage) -> None:
        await asyncio.sleep(share * 1.5)

    # Before the program has come so far as to listen to the signal, the signal ends it: nothing has begun.
    return Phase(name=f"starting-{share:.2f}", reach=reach, statuses=frozenset({0, -SIGTERM}))


async def _idle(stage: Stage) -> None:
    await stage.ready()


async def _loaded(stage: Stage) -> None:
    await stage.has_answered(_LOADED)


async def _handling(stage: Stage) -> None:
    await stage.given()


async def _opening(stage: Stage) -> None:
    await stage.ready()
    await stage.kling_is_through()


async def _asking(stage: Stage) -> None:
    await stage.silence.asked.wait()


async def _connected(stage: Stage) -> None:
    await stage.ready()
    await stage.half_sent()


async def _waited_for(stage: Stage) -> None:
    await stage.ready()
    await stage.waited_for()


async def _everything(stage: Stage) -> None:
    await stage.silence.asked.wait()
    await stage.given()
    await stage.waited_for()
    await stage.half_asked()
    await stage.half_sent()


async def _asked_once(stage: Stage) -> None:
    await stage.given()
    stage.program.send(SIGTERM)
    await stage.has_logged("stopping")


def _witness(*, takes: float = 0.0, in_thread: bool = False, conduct: Conduct = Conduct.PROMPT) -> WitnessSetting:
    return WitnessSetting(name=WITNESS.name, takes=takes, in_thread=in_thread, conduct=conduct)


PHASES = (
    Phase(name="idle", reach=_idle, orders=()),
    Phase(name="interrupted at the terminal", reach=_idle, orders=(), signal=SIGINT),
    Phase(
        name="under load",
        reach=_loaded,
        witness=_witness(takes=0.02),
        orders=tuple(
            Order(
                path=NEW if number % 2 else LEGACY,
                body=BODY,
                external_id=f"load-{number}",
                through_daemon=number % 3 > 0,
            )
            for number in range(40)
        ),
        given_once=True,
    ),
    Phase(name="a handler about to finish", reach=_handling, witness=_witness(takes=0.7), given_once=True),
    Phase(name="a slow handler", reach=_handling, witness=_witness(takes=_FOR_EVER)),
    Phase(name="a hung hook in a thread", reach=_handling, witness=_witness(takes=_FOR_EVER, in_thread=True)),
    Phase(
        name="a handler deaf to its cancellation",
        reach=_handling,
        witness=_witness(conduct=Conduct.DEAF),
        statuses=frozenset({_OVERDUE}),
        excused=frozenset({"handler ignores that it was cancelled", "did not stop in time"}),
    ),
    Phase(
        # A loop that stands still can give nothing back: the attempt counts, like one that kills the process.
        name="a handler that blocks the event loop",
        reach=_handling,
        witness=_witness(conduct=Conduct.BLOCKING),
        orders=(TOLD,),
        statuses=frozenset({_OVERDUE}),
        attempts=2,
        excused=frozenset({"did not stop in time"}),
    ),
    Phase(name="a handler that never opens", reach=_opening, witness=_witness(conduct=Conduct.NEVER_OPEN)),
    Phase(name="a create that hangs", reach=_asking, orders=(SUBMITTED,), silent=True),
    Phase(name="a query that hangs", reach=_asking, orders=(HINTED,), silent=True),
    Phase(name="a half-sent callback", reach=_connected),
    Phase(name="a client that waits", reach=_waited_for, orders=(SUBMITTED,), silent=True),
    Phase(
        name="everything hangs at once",
        reach=_everything,
        witness=_witness(takes=_FOR_EVER),
        orders=(TOLD, SUBMITTED),
        silent=True,
    ),
    Phase(
        name="everything hangs at once and a handler is deaf",
        reach=_everything,
        witness=_witness(conduct=Conduct.DEAF),
        orders=(TOLD, SUBMITTED),
        silent=True,
        statuses=frozenset({_OVERDUE}),
        excused=frozenset({"handler ignores that it was cancelled", "did not stop in time"}),
    ),
    Phase(
        # Who insists gets an end at once and pays with the attempt.
        name="asked twice",
        reach=_asked_once,
        witness=_witness(takes=_FOR_EVER),
        statuses=frozenset({_INSISTED}),
        attempts=2,
    ),
)
