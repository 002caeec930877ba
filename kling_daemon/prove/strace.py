"""strace: whether it can be used here, how a program is run under it, and when its record is complete."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kling_daemon.prove.facts import until

_COMPLETE = timedelta(seconds=10)
_PROBE_TIMEOUT = 20
_END = re.compile(rb"^(?P<pid>\d+) +[\d.]+ \+\+\+ (?:exited with|killed by)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The moment at which a program is killed: as it begins a certain system call for the N-th time in one thread.

    The call itself is not performed any more.
    """

    call: str
    number: int
    of_database: bool
    """Only calls on the database's files count; else those on anything."""

    def __str__(self) -> str:
        return f"{self.call} {self.number}" + (" of the database" if self.of_database else "")


def obstacle() -> str | None:
    """Return why strace cannot be used here, None if it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    try:
        probe = subprocess.run(  # noqa: S603 - the strace that was found
            [strace, "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync", "true"],
            capture_output=True,
            timeout=_PROBE_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"strace does not work here: {error}"
    complaint = probe.stderr.decode(errors="replace").strip()
    if probe.returncode or complaint:
        return f"strace does not work here: {complaint or f'exit status {probe.returncode}'}"
    return None


def recording(
    trace: Path, calls: Sequence[str], *, kill: Kill | None = None, database: Sequence[Path] = ()
) -> list[str]:
    """Return the command to run a program under: some of its system calls are recorded, and one may kill it.

    The program stays our own child, with the pid that was started; strace looks on from aside.
    """
    command = ["strace", "-D", "-f", "-yy", "-ttt", "-s", "65536", "--quiet=attach,personality,path-resolution"]
    command += ["-o", str(trace), "-e", f"trace={','.join(calls)}"]
    if kill is None:
        # Only the calls in question stop the program: it stays nearly as fast as ever. No signal can be sent so.
        command += ["--seccomp-bpf"]
    else:
        command += ["-e", f"inject={kill.call}:signal=KILL:when={kill.number}"]
        for path in database if kill.of_database else ():
            command += ["-P", str(path)]
    return command


async def complete(trace: Path, pid: int) -> bool:
    """Wait until the record tells of the program's end, which strace may write a moment later; False if it does not."""

    async def is_told() -> bool:
        return _tells_end(trace, pid)

    try:
        async with asyncio.timeout(_COMPLETE.total_seconds()):
            return await until(is_told)
    except TimeoutError:
        return False


def _tells_end(trace: Path, pid: int) -> bool:
    return any(int(end["pid"]) == pid for end in _END.finditer(trace.read_bytes()))
