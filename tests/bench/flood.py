"""How long true callbacks wait while forged ones come, beside how long they wait without."""

import asyncio
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from load import PATH, SECRET, BrokenError, Round, paced, prepare
from servers import daemon

from kling_daemon.ids import new_id
from kling_daemon.prove.forgeries import Forger, Trick, Victim, write
from kling_daemon.standard_webhooks import Secret
from kling_daemon.tracking import Capabilities, load_capability_keys

PER_SECOND = 100
FORGED_PER_SECOND = 500
_LEAST_SECONDS = 5.0
"""The ninety-ninth of a hundred is told from that of fewer than some hundred requests by luck alone."""

_NO_LIMITS = "[trust]\nunproved_per_minute = 1_000_000\nunproved_in_all_per_minute = 1_000_000\n"
"""So that each forged one is judged, and each hint committed, which takes longer than to turn it away."""


@dataclass(frozen=True, slots=True)
class Flooded:
    """One round of each."""

    calm: Round
    flooded: Round


def measure(seconds: float, *, first: int) -> Flooded:
    """Run one round; `first` is the number of the first job, so that no two rounds share one."""
    seconds = max(seconds, _LEAST_SECONDS)
    return Flooded(_round(seconds, first, attacked=False), _round(seconds, first + 100_000, attacked=True))


def _round(seconds: float, first: int, *, attacked: bool) -> Round:
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name, daemon(Path(name), sections=_NO_LIMITS) as server:
        requests = prepare(int(PER_SECOND * seconds), first=first, port=server.port)
        if not attacked:
            return asyncio.run(paced(server.port, requests, per_second=PER_SECOND))
        victims = [Victim(job_id=new_id(datetime.now(UTC)), task_id=task_id) for task_id, _ in requests]
        with _forging(Path(name), server.port, victims, int(FORGED_PER_SECOND * seconds * 2)) as forger:
            measured = asyncio.run(paced(server.port, requests, per_second=PER_SECOND))
            if forger.poll() is not None:
                raise BrokenError("the forged callbacks came to their end before the true ones")
        return measured


@contextmanager
def _forging(directory: Path, port: int, victims: list[Victim], count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Post forged callbacks, from the generator's cores, until the context is left."""
    forger = Forger(
        path=PATH,
        victims=victims,
        secret=Secret.parse("bench", f"whsec_{SECRET}"),
        capabilities=Capabilities(load_capability_keys(directory / "state").current),
        dice=random.Random(count),  # noqa: S311 - the same ones each time
    )
    forged = (posting for posting in forger.postings(count) if posting.trick is not Trick.REPLAYED)  # that one is true
    write(directory / "forged.jsonl", forged)
    command = ["-m", "kling_daemon.prove.forger", str(directory / "forged.jsonl"), f"http://127.0.0.1:{port}"]
    process = subprocess.Popen([sys.executable, *command, str(FORGED_PER_SECOND)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"begun\n":
            raise BrokenError("the forged callbacks were not begun")
        yield process
    finally:
        process.kill()
        process.communicate()


def rows(rounds: list[Flooded]) -> list[tuple[str, str, str, str]]:
    """Return the line of the table: what, measured, wanted, and the figures behind it."""
    flooded, calm = median(r.flooded.quantile(0.99) for r in rounds), median(r.calm.quantile(0.99) for r in rounds)
    pace = f"{PER_SECOND} true and {FORGED_PER_SECOND} forged a second, all of them judged"
    return [
        (
            "p99 of true callbacks among forged ones / without",
            f"{median(r.flooded.quantile(0.99) / r.calm.quantile(0.99) for r in rounds):.1f}",
            "at most 3",
            f"{flooded * 1000:.1f} / {calm * 1000:.1f} ms at {pace}",
        )
    ]
