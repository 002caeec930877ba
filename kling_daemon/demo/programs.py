"""A program of the demo's, run as a process of its own and always ended."""

import asyncio
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

import aiohttp

from kling_daemon.client import DaemonError, DaemonUnreachableError
from kling_daemon.demo.errors import DemoError

_STOPPING = timedelta(seconds=15)
_DYING = timedelta(seconds=2)
"""How long after a program fell silent its end may be seen."""
_LAST_LINES = 15
_FOREIGN = ("KLING_", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY")
"""How variables begin that would have the programs work with the user's own settings, account and data."""
_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that this process gets when its parent has died."""


class GuardedProgram:
    """One `kling-daemon` command that runs; what it writes goes to a log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take a process that was started; `running` makes it."""
        self.name = name
        self._process = process
        self._log = log
        self._is_asked_to_stop = False

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        name: str,
        words: Sequence[str],
        *,
        guards: asyncio.TaskGroup,
        log: Path,
        environ: Mapping[str, str],
        announces: bool = False,
    ) -> AsyncIterator[Self]:
        """Run `kling-daemon` with these words until the context is left, however it is left.

        guards: gets a task that breaks off everything with DemoError should the program end by itself. environ:
        variables of its own, beside the environment that it shares. announces: `line` can be read from it.
        """
        shared = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kling_daemon", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if announces else stream,
                stderr=stream,
                env={**shared, **environ},
                # Ctrl-C at a terminal goes to a whole group; the demo itself ends its programs, one after the other.
                start_new_session=True,
                preexec_fn=_ending_with_parent(),
            )
        program = cls(name, process, log)
        try:
            guards.create_task(program.guard(), name=f"guard {name}")
            yield program
        finally:
            await program.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def line(self) -> str:
        """Return the next line that it prints. Raises DemoError when it ends instead."""
        if self._process.stdout is None:
            raise RuntimeError(f"the {self.name} was not started to be read from")
        line = (await self._process.stdout.readline()).decode()
        if not line:
            await self.guard()
        return line

    async def guard(self) -> None:
        """Wait for its end. Raises DemoError, with its last log lines, unless it was asked to end."""
        status = await self._process.wait()
        if not self._is_asked_to_stop:
            how = f"with status {status}" if status >= 0 else f"by signal {-status}"
            raise DemoError(f"The {self.name} ended {how}.", log=self._last_lines())

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Turn what goes wrong in talking to it into DemoError: its end, where that is the reason, else its silence."""
        try:
            yield
        except (DaemonUnreachableError, DaemonError, aiohttp.ClientError, TimeoutError) as error:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DYING.total_seconds()):
                    await self.guard()
            reason = str(error) or type(error).__name__
            raise DemoError(f"The {self.name} does not answer: {reason}", log=self._last_lines()) from error

    def _send(self, number: signal.Signals) -> None:
        # Not by the process's own methods: they may reap it before asyncio does, which then says 255 of its end.
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    async def stop(self) -> int:
        """Ask it to stop, as a service manager would, and return its status; killed where that takes too long.

        A second call returns the status again. Cancelled meanwhile, it kills the process.
        """
        self._is_asked_to_stop = True
        if self._process.returncode is None:
            self._send(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOPPING.total_seconds()):
                return await self._process.wait()
        except TimeoutError:
            return await self._kill()
        except asyncio.CancelledError:
            await self._kill()
            raise

    async def _kill(self) -> int:
        """Kill it and wait until it is gone, which an impatient user's second Ctrl-C must not prevent."""
        if self._process.returncode is None:
            self._send(signal.SIGKILL)
        while True:
            try:
                return await self._process.wait()
            except asyncio.CancelledError:
                continue

    def _last_lines(self) -> tuple[str, ...]:
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            return tuple(line.rstrip() for line in deque(lines, maxlen=_LAST_LINES))


def _ending_with_parent() -> Callable[[], None] | None:
    """Return what has the kernel stop a new process once the demo is gone, even by `kill -9`; None where none can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here, since little is safe between fork and exec
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
