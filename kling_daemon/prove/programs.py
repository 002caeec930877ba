"""A program that runs as a process of its own, as a campaign starts, ends and kills it."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

LONGEST_END = timedelta(seconds=60)


class Program:
    """One run of one program. What it writes to its standard error goes to a file, after what is there already."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take the process; `start` makes it."""
        self._process = process

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        environ: Mapping[str, str],
        listen: bool = False,
        folder: Path | None = None,
    ) -> Self:
        """Start a command with some variables added to the environment.

        listen: its standard output can be read. folder: where it runs; by default where we do.
        """
        with log.open("ab") as stream:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if listen else stream,
                stderr=stream,
                env={**os.environ, **environ},
                cwd=folder,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, the negative number of the signal that ended it, or None while it runs."""
        return self._process.returncode

    async def line(self, within: timedelta) -> str:
        """Return the next line of its standard output, empty at its end; TimeoutError when none comes."""
        if self._process.stdout is None:
            raise RuntimeError("the program was not started to be listened to")
        async with asyncio.timeout(within.total_seconds()):
            return (await self._process.stdout.readline()).decode()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self._process.returncode is None:
            # Not by the process's own methods: they may reap it before asyncio does, which then says 255 of its end.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def ended(self, within: timedelta = LONGEST_END) -> int | None:
        """Wait for its end and return the status; None when it still runs after so long."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def stop(self, within: timedelta = LONGEST_END) -> int | None:
        """Ask it to stop as a service manager would; return the status, None when it had to be killed in the end."""
        self.send(signal.SIGTERM)
        status = await self.ended(within)
        if status is None:
            await self.kill()
        return status

    async def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self.send(signal.SIGKILL)
        await self._process.wait()
