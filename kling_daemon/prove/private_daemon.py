"""The daemon under proof: the shipped program with a state directory, ports and witnesses of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError, Target
from kling_daemon.prove.facts import until
from kling_daemon.prove.kling import API_KEY, KEY_PAIR, SECRET
from kling_daemon.prove.ports import free_port
from kling_daemon.prove.programs import Program
from kling_daemon.prove.witnesses import Sighting, WitnessSetting, install, sightings
from kling_daemon.store import DATABASE

CALLBACK_PATH = "/webhooks/kling"
READY_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateDaemon:
    """Everything by which the daemon is started again and again as the same one."""

    folder: Path
    port: int
    witnesses: tuple[WitnessSetting, ...]
    environ: Mapping[str, str]
    runs: list[Program]
    """Every process that it was so far."""

    @classmethod
    @asynccontextmanager
    async def living_in(
        cls,
        folder: Path,
        *,
        kling_url: str,
        witnesses: Sequence[WitnessSetting],
        stop_timeout: timedelta = timedelta(seconds=20),
        key_pair: bool = False,
        more: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> AsyncIterator[Self]:
        """Write the configuration of a daemon that asks a Kling; it is not started yet. No run outlives the context.

        key_pair: it has an access key and a secret key alone, and no API key. more: keys of sections that are to be
        otherwise than in the other campaigns.
        """
        environ = {
            **install(folder / "plugins"),
            **(KEY_PAIR if key_pair else {"KLING_API_KEY": API_KEY}),
            "KLING_WEBHOOK_SECRETS": SECRET,
            "PYTHONUNBUFFERED": "1",
        }
        port = free_port()
        daemon = cls(folder=folder, port=port, witnesses=tuple(witnesses), environ=environ, runs=[])
        daemon.configure(kling_url=kling_url, witnesses=witnesses, stop_timeout=stop_timeout, more=more)
        try:
            yield daemon
        finally:
            for run in daemon.runs:
                await run.kill()

    def configure(
        self,
        *,
        kling_url: str,
        witnesses: Sequence[WitnessSetting],
        stop_timeout: timedelta,
        more: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Write another configuration for its next start."""
        sections: dict[str, dict[str, Any]] = {
            "store": {"directory": str(self.state)},
            "kling": {"base_url": kling_url, "timeout": "3s", "max_requests_per_second": 500},
            "receiver": {"listen": f"127.0.0.1:{self.port}", "public_url": f"http://127.0.0.1:{self.port}"},
            # Half a campaign's callbacks are unsigned, and come within seconds.
            "trust": {
                "hint_queries_per_minute": 1200,
                "unproved_per_minute": 1_000_000,
                "unproved_in_all_per_minute": 1_000_000,
            },
            "poller": {"fallback_after": "3s", "interval": "250ms", "max_interval": "2s"},
            "delivery": {"backoff": "100ms", "max_backoff": "1s"},
            "api": {"listen": f"unix:{self.socket}"},
            "log": {"format": "json"},
            "service": {"stop_timeout": f"{stop_timeout // timedelta(milliseconds=1)}ms"},
            **{f"handlers.{witness.name}": witness.section(self.folder) for witness in witnesses},
        }
        for name, section in (more or {}).items():
            sections[name] = {**sections.get(name, {}), **section}
        self._config.write_text(_toml(sections), encoding="utf-8")

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.folder / "state"

    @property
    def database(self) -> tuple[Path, Path]:
        """The files that its database is made of and that it writes with system calls."""
        return self.state / DATABASE, self.state / f"{DATABASE}-wal"

    @property
    def socket(self) -> Path:
        """Where its local API listens."""
        return self.folder / "api.sock"

    @property
    def token(self) -> str:
        """What opens its local API; FileNotFoundError before its first start has made it."""
        return (self.state / "api-token").read_text(encoding="ascii").strip()

    @property
    def origin(self) -> str:
        """Where its receiver listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def callback_url(self) -> str:
        """Where another program would have Kling call it back: the plain path."""
        return f"{self.origin}{CALLBACK_PATH}"

    @property
    def log(self) -> Path:
        """What all its runs have logged."""
        return self.folder / "daemon.log"

    @property
    def _config(self) -> Path:
        return self.folder / "config.toml"

    async def start(self, tracer: Sequence[str] = ()) -> Program:
        """Start it. tracer: a command that runs it, such as strace."""
        command = [*tracer, sys.executable, "-m", "kling_daemon", "run", "--config", str(self._config)]
        run = await Program.start(command, log=self.log, environ=self.environ)
        self.runs.append(run)
        return run

    async def ready(self, program: Program, within: timedelta = READY_WITHIN) -> bool:
        """Wait until a run answers at its API; False when it ends or takes too long instead."""

        async def answers_or_ended() -> bool:
            return program.status is not None or await self._answers()

        try:
            async with asyncio.timeout(within.total_seconds()):
                await until(answers_or_ended)
        except TimeoutError:
            return False
        return program.status is None

    async def _answers(self) -> bool:
        try:
            async with self.client() as client:
                await client.stats()
        except (OSError, DaemonUnreachableError, DaemonError):
            return False
        return True

    def client(self, *, token: str | None = None) -> AbstractAsyncContextManager[Daemon]:
        """Return a client for its local API; FileNotFoundError before its first start has made the first token.

        token: another one than that.
        """
        return Daemon(
            Target(url=f"unix:{self.socket}", token=token or self.token, token_from="the state directory")  # noqa: S106
        )

    def sightings(self) -> dict[str, tuple[Sighting, ...]]:
        """Return what each witness has written down."""
        return {witness.name: sightings(self.folder, witness.name) for witness in self.witnesses}

    def complaints(self) -> list[str]:
        """Return what its runs logged that none should: tracebacks, errors, and lines that are no log lines."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
                wrong = "exception" in values or values["level"] in ("error", "critical")
            except (ValueError, TypeError, KeyError):
                wrong = bool(line.strip())
            if wrong:
                found.append(line)
        return found


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Return TOML; texts, numbers and lists of texts look the same in JSON."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in section.items())
        for name, section in sections.items()
    )
