"""A whole daemon in this process: real sockets, real store, real lanes, and whatever Kling a test gives it."""

import asyncio
import random
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pydantic
from aiohttp.abc import AbstractResolver
from fakes.dispatching import PATIENCE, until

from kling_daemon.app import Addresses, run_daemon
from kling_daemon.bus import Bus
from kling_daemon.clock import EPOCH, Clock, SystemClock
from kling_daemon.config import Settings
from kling_daemon.config.sections import ApiSettings, ReceiverSettings
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.jobs import Job
from kling_daemon.service import StopSignal
from kling_daemon.simulator import Simulator
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, sign
from kling_daemon.store.connection import open_reader
from kling_daemon.store.due import Due
from kling_daemon.store.reader import Reader
from kling_daemon.tracking import Capabilities, load_capability_keys

PATH = "/webhooks/kling"
SECRET_TEXT = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
"""The vendor's example secret, which the signature fixtures are made with."""
SECRET = Secret.parse("vendor", SECRET_TEXT)
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass
class RunningDaemon:
    """A daemon that runs, and the ways in which the world and a test reach it."""

    settings: Settings
    addresses: Addresses
    clock: Clock
    read: Reader
    """A connection of the test's own that only reads: what it sees is committed."""
    due: Due
    """The same, for what the daemon has to do."""
    session: aiohttp.ClientSession
    """Without credentials; for the receiver."""
    api: aiohttp.ClientSession
    """With the token, and the local API as its base URL."""
    stop: StopSignal
    running: asyncio.Task[None]
    """What `run_daemon` runs in."""
    simulator: Simulator | None = None

    @property
    def receiver(self) -> str:
        """The public listener's root URL."""
        return f"{_scheme(self.settings.receiver)}://{self.addresses.receiver}"

    @property
    def directory(self) -> Path:
        return self.settings.store.directory

    def capability(self, job_id: str) -> str:
        """Return what the daemon would put into this job's callback URL."""
        return Capabilities(load_capability_keys(self.directory).current).issue(job_id)

    async def post(self, body: bytes, *, path: str = PATH, headers: Mapping[str, str] | None = None) -> Answered:
        """Post a callback as it stands; JSON unless the headers say otherwise."""
        return await self.send("POST", path, data=body, headers={**JSON, **(headers or {})})

    async def post_signed(self, body: bytes, *, path: str = PATH, **signing: Any) -> Answered:
        """Post a callback that is signed now, as Kling signs it."""
        return await self.post(body, path=path, headers=signature(body, self.clock, **signing))

    async def send(self, method: str, path: str, **given: Any) -> Answered:
        """Send any request to the receiver."""
        async with self.session.request(method, f"{self.receiver}{path}", **given) as answer:
            return Answered(answer.status, await answer.read(), answer.headers)

    async def submit(self, endpoint: str, **order: Any) -> dict[str, Any]:
        """Submit a job over the local API."""
        body = order.pop("body", {"prompt": "a lighthouse"})
        async with self.api.post("/api/v1/jobs", json={"endpoint": endpoint, "body": body, **order}) as answer:
            assert answer.status == 201, await answer.text()
            return await answer.json()

    async def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        return [job for _, job in await self.read.jobs(limit=10_000)][::-1]

    async def until_job(self, reference: str, state: str) -> Job:
        """Wait until a job stands so, and return it."""
        found: list[Job] = []

        async def fact() -> bool:
            job = await self.read.job(reference)
            found[:] = [job] if job is not None and job.state == state else []
            return bool(found)

        await until(fact)
        return found[0]

    async def until_delivered(self, handler: str, count: int) -> None:
        """Wait until a handler has acknowledged so many deliveries."""

        async def fact() -> bool:
            return (await self.read.delivery_counts()).get(handler, {}) == {"done": count}

        await until(fact)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return what the database holds, as committed."""
        database = sqlite3.connect(f"file:{self.directory}/kling.db?mode=ro", uri=True)
        try:
            return database.execute(query, parameters).fetchall()
        finally:
            database.close()


def signature(
    body: bytes,
    clock: Clock,
    *,
    secrets: Sequence[Secret] = (SECRET,),
    webhook_id: str = "msg_1",
    late: timedelta = timedelta(0),
) -> dict[str, str]:
    """Return the three headers, signed with each secret; late: how long before now it was signed."""
    seconds = int((clock.now() - late - EPOCH).total_seconds())
    return {
        HEADER_ID: webhook_id,
        HEADER_TIMESTAMP: str(seconds),
        HEADER_SIGNATURE: " ".join(sign(secret, webhook_id, seconds, body) for secret in secrets),
    }


def settings_of(directory: Path, **sections: Mapping[str, Any]) -> Settings:
    """Return settings with free ports in a directory of a test; a section's keys replace the defaults."""
    given: dict[str, dict[str, Any]] = {
        "store": {"directory": directory},
        "receiver": {"listen": "127.0.0.1:0"},
        "api": {"listen": "127.0.0.1:0"},
        "service": {"stop_timeout": timedelta(seconds=20)},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section}
    return Settings.model_validate(given)


def free_port() -> int:
    """Return a port that nobody listens on; not among those that the kernel gives to outgoing connections."""
    for _ in range(100):
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def trusting(*secrets: Secret | str, **keys: Any) -> dict[str, Any]:
    """Return a `[trust]` section with the vendor's secret, or with others given as `whsec_…`."""
    texts = [secret for secret in secrets if isinstance(secret, str)] or [SECRET_TEXT]
    return {"secrets": {f"s{number}": pydantic.SecretStr(text) for number, text in enumerate(texts)}, **keys}


@asynccontextmanager
async def running_daemon(
    directory: Path,
    *,
    handlers: Sequence[ConfiguredHandler] = (),
    kling: str | None = None,
    simulator: Simulator | None = None,
    account: Mapping[str, Any] | None = None,
    called_back: bool = False,
    clock: Clock | None = None,
    bus: Bus | None = None,
    trusting: ssl.SSLContext | None = None,
    lookup: AbstractResolver | None = None,
    **sections: Mapping[str, Any],
) -> AsyncIterator[RunningDaemon]:
    """Run a daemon until the context is left, then stop it and wait for it; the same directory again restarts it.

    kling: the base URL to ask; simulator: one that is served meanwhile and asked instead; with neither there is no key.
    account: other keys of `[kling]` than the simulator's API key.
    lookup: how names are looked up that handlers ask for.
    called_back: jobs are given callback URLs that reach the receiver. trusting: whom the test's clients trust.
    The other keywords are sections of the settings.
    """
    clock = clock or SystemClock()
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        if simulator is not None:
            kling = await stack.enter_async_context(simulator.serve())
        if kling is not None:
            keys = account or {"api_key": pydantic.SecretStr("simulator")}
            sections["kling"] = {"base_url": kling, "max_requests_per_second": 1000.0, **keys}
        if called_back:
            port = free_port()
            reachable = {"listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}"}
            sections["receiver"] = {**reachable, **sections.get("receiver", {})}
        settings = settings_of(directory, **sections)
        stop, ready = StopSignal(settings.service.stop_timeout), asyncio.get_running_loop().create_future()
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = tasks.create_task(
            run_daemon(settings, handlers, (), clock=clock, bus=bus, lookup=lookup, stop=stop, ready=ready.set_result),
            name="daemon",
        )
        stack.callback(stop.ask)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running  # raises why it could not start
        addresses: Addresses = ready.result()
        token = (settings.store.directory / "api-token").read_text().strip()
        reading = await stack.enter_async_context(open_reader(directory / "kling.db"))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=_connector(trusting), auto_decompress=False)
        )
        api = await stack.enter_async_context(
            aiohttp.ClientSession(
                f"{_scheme(settings.api)}://{addresses.api}",
                connector=_connector(trusting),
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        try:
            yield RunningDaemon(
                settings=settings,
                addresses=addresses,
                clock=clock,
                read=Reader(reading, account="default"),
                due=Due(reading, account="default"),
                session=session,
                api=api,
                stop=stop,
                running=running,
                simulator=simulator,
            )
        except Exception as error:  # noqa: BLE001 - raised again below; through the group it would be wrapped
            failure = error
    if failure is not None:
        raise failure


def _scheme(listener: ReceiverSettings | ApiSettings) -> str:
    return "http" if listener.tls_cert is None else "https"


def _connector(trusting: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=True if trusting is None else trusting)
