"""A user's machine, with the daemon as a process of its own: typed commands, installed plugins, sockets, signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from fakes.dispatching import PATIENCE, until
from fakes.running_daemon import JSON, PATH, SECRET_TEXT, Answered, signature

from kling_daemon.clock import SystemClock

CONFIGURATION = """
[receiver]
listen = "127.0.0.1:0"
[trust]
secrets.vendor = { env = "VENDOR_SECRET" }
[api]
listen = "127.0.0.1:0"
"""
PROGRAM = (sys.executable, "-m", "kling_daemon")
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "VENDOR_SECRET": SECRET_TEXT}
"""All that a command sees of the environment, besides HOME and PYTHONPATH: nothing of the machine that tests run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command that has ended."""

    status: int
    out: str
    err: str


@dataclass
class Machine:
    """A home directory, a folder that pip installs into, and a configuration."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """The words before each command; `small_disk` has some."""
    state_seen_at: Path | None = None
    """Where a test sees the state directory, if not in its usual place."""

    def __post_init__(self) -> None:
        for folder in (self.home, self.installed):
            folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **ENVIRONMENT,
            "HOME": str(self.home),
            "PYTHONPATH": str(self.installed),
            **self.environment,
        }

    @property
    def installed(self) -> Path:
        """Where plugins are installed; the daemon finds what is there."""
        return self.home / "site-packages"

    @property
    def config(self) -> Path:
        return self.home / "kling.toml"

    @property
    def state(self) -> Path:
        """The daemon's state directory, as it chooses it by itself."""
        return self.state_seen_at or self.home / ".local" / "state" / "kling-daemon"

    def configure(self, *more: str) -> None:
        """Write a configuration with free ports and the vendor's secret, and more sections."""
        self.config.write_text("\n".join([CONFIGURATION, *more]))

    def pip_install(self, *folders: Path) -> None:
        """Install distributions as a user does, without a network: no dependencies, and nothing fetched to build."""
        offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
        target = ("--target", str(self.installed))
        command = [sys.executable, "-m", "pip", "install", *offline, *target, *map(str, folders)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE * 3)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def typed(self, *words: str | Path, **environment: str) -> Typed:
        """Type `kling-daemon WORDS` and wait for its end."""
        ended = subprocess.run(
            [*self.within, *PROGRAM, *map(str, words)], cwd=self.home, env={**self.environment, **environment},
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        return Typed(status=ended.returncode, out=ended.stdout, err=ended.stderr)

    @asynccontextmanager
    async def daemon(self, *words: str | Path, **environment: str) -> AsyncIterator["DaemonProcess"]:
        """Type what runs the daemon, `run --config …` by default, until it is ready; kill what still runs."""
        typed = [*map(str, words or ("run", "--config", self.config))]
        log = self.home / "daemon.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: ASYNC220 - returns once the process is made
                [*self.within, *PROGRAM, *typed], cwd=self.home, env={**self.environment, **environment},
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            )  # fmt: skip
        try:
            daemon = DaemonProcess(machine=self, process=process, log=log)
            await daemon.until_said("ready")
            yield daemon
        finally:
            process.kill()
            process.wait()


@dataclass
class DaemonProcess:
    """A daemon that runs in a process of its own."""

    machine: Machine
    process: subprocess.Popen[bytes]
    log: Path
    """All that it wrote, to either stream."""

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its log lines; not what plugins print."""
        whole = self.text.rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def said(self, event: str, **values: Any) -> list[dict[str, Any]]:
        """Return its log lines of an event that bear these values."""
        return [line for line in self.lines if line["event"] == event and values.items() <= line.items()]

    async def until_said(self, event: str, **values: Any) -> dict[str, Any]:
        """Wait until it has logged an event, and return the first such line."""

        def said_or_ended() -> bool:
            return bool(self.said(event, **values)) or self.process.poll() is not None

        await until(said_or_ended)
        said = self.said(event, **values)
        assert said, f"the daemon ended before it said {event!r}:\n{self.text}"
        return said[0]

    @property
    def receiver(self) -> str:
        """HOST:PORT of the public listener."""
        return str(self.said("ready")[0]["receiver"])

    @property
    def api(self) -> str:
        """HOST:PORT of the local API."""
        return str(self.said("ready")[0]["api"])

    @property
    def token(self) -> str:
        return (self.machine.state / "api-token").read_text().strip()

    async def post(self, body: bytes, *, path: str = PATH, headers: Mapping[str, str] | None = None) -> Answered:
        """Post a callback as it stands; JSON unless the headers say otherwise."""
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.post(f"http://{self.receiver}{path}", data=body, headers={**JSON, **(headers or {})}) as answer,
        ):
            return Answered(answer.status, await answer.read(), answer.headers)

    async def post_signed(self, body: bytes, *, webhook_id: str = "msg_1") -> Answered:
        """Post a callback that is signed now, as Kling signs it."""
        return await self.post(body, headers=signature(body, SystemClock(), webhook_id=webhook_id))

    async def exchange(self, *parts: bytes) -> bytes:
        """Send bytes as they are to the receiver, hang up, and return all that comes back."""
        host, _, port = self.receiver.rpartition(":")
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                writer.write_eof()
                return await reader.read()
            except ConnectionError:
                return await reader.read() if not reader.at_eof() else b""
            finally:
                writer.close()

    def typed(self, *words: str) -> Typed:
        """Type a command to this daemon, with its own token."""
        return self.machine.typed(*words, KLING_DAEMON_URL=f"http://{self.api}", KLING_DAEMON_TOKEN=self.token)

    async def ask(self, route: str, **query: str) -> Any:
        """Ask the local API, and return what its answer holds."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session,
            session.get(f"http://{self.api}/api/v1/{route}", params=query) as answer,
        ):
            assert answer.status == HTTPStatus.OK, await answer.text()
            return await answer.json()

    async def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs, the latest first."""
        items: list[dict[str, Any]] = (await self.ask("jobs", limit="500"))["items"]
        return items

    async def delivery(self, handler: str) -> dict[str, Any]:
        """Return the one delivery that a handler was given."""
        (delivery,) = (await self.ask("deliveries", handler=handler))["items"]
        return dict(delivery)

    async def until_delivery(self, handler: str, **expected: Any) -> None:
        """Wait until the one delivery of a handler stands so."""

        async def stands_so() -> bool:
            return expected.items() <= (await self.delivery(handler)).items()

        await until(stands_so)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        await until(lambda: self.process.poll() is not None)
        return self.process.wait()
