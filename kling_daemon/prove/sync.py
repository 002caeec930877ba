"""The sync campaign: strace shows that a callback is in the synced write-ahead log before it is answered."""

import asyncio
import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from kling_daemon.clock import EPOCH
from kling_daemon.prove import strace
from kling_daemon.prove.kling import SECRET, SimulatedKling
from kling_daemon.prove.outcomes import Outcome, concluded, skipped
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.traces import Call, calls
from kling_daemon.prove.witnesses import WitnessSetting
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, sign

NAME = "sync"

_CALLS = ("recvfrom", "read", "pwrite64", "fdatasync", "fsync", "sendto", "sendmsg", "writev", "write")
_READS = ("recvfrom", "read")
_SENDS = ("sendto", "sendmsg", "writev", "write")
_SYNCS = ("fdatasync", "fsync")
_WAL = "kling.db-wal"
WITNESS = WitnessSetting(name="swift")
_STOP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One callback of the campaign's own, signed or not, that no other resembles."""

    mark: str
    """Stands in the body, and so in the database's pages."""
    signed: bool

    async def post(self, url: str, session: aiohttp.ClientSession) -> int:
        """Send it and return the status."""
        body = json.dumps({"task_id": self.mark, "task_status": "processing"}).encode()
        headers = {"Content-Type": "application/json"}
        if self.signed:
            seconds = int((datetime.now(UTC) - EPOCH).total_seconds())
            signature = sign(Secret.parse("proof", SECRET), self.mark, seconds, body)
            headers |= {HEADER_ID: self.mark, HEADER_TIMESTAMP: str(seconds), HEADER_SIGNATURE: signature}
        async with session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status


async def sync(plan: Plan) -> Outcome:
    """Send callbacks to a daemon under strace, one by one and all at once, and look at its system calls."""
    if (reason := strace.obstacle()) is not None:
        return skipped(NAME, reason)
    dice, folder = plan.dice(NAME), plan.folder(NAME)
    trace = folder / "strace"
    letters = _letters(dice, 40 if plan.short else 2000)
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=()) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=[WITNESS]) as daemon,
    ):
        program = await daemon.start(strace.recording(trace, _CALLS))
        ready = await daemon.ready(program)
        statuses = await _send(letters, daemon.callback_url) if ready else []
        status = await program.stop(_STOP)
    if not ready or status != 0 or not await strace.complete(trace, program.pid):
        return concluded(NAME, f"seed {plan.seed}", [f"the daemon ended with status {status}, see {daemon.log}"])
    findings = [
        f"callback {letter.mark} was answered {status}"
        for letter, status in zip(letters, statuses, strict=True)
        if status != (200 if letter.signed else 202)
    ]
    proved, unproved = examine(trace, [letter.mark for letter in letters])
    findings += unproved
    held = "" if findings else ", each in the synced write-ahead log before it was answered"
    line = f"{len(letters)} callbacks, half of them at once, and {proved} syncs{held} (seed {plan.seed})"
    return concluded(NAME, line, findings)


def examine(trace: Path, marks: Sequence[str]) -> tuple[int, list[str]]:
    """Return how many syncs of the log there were, and what is not as promised with each marked request."""
    with trace.open(encoding="utf-8", errors="replace") as lines:
        record = calls(lines)
    syncs = [call for call in record if call.name in _SYNCS and call.target.endswith(_WAL) and call.succeeded]
    findings = [f"callback {mark}: {flaw}" for mark in marks if (flaw := _flaw(record, syncs, mark)) is not None]
    return len(syncs), findings


def _flaw(record: Sequence[Call], syncs: Sequence[Call], mark: str) -> str | None:
    """Return what is wrong with how one request was handled; None for: read, written to the log, synced, answered."""
    asked = next((call for call in record if call.name in _READS and mark in call.arguments), None)
    if asked is None or asked.ended is None:
        return "its request is not in the record"
    answered = next(
        (
            call
            for call in record
            if call.began > asked.ended
            and call.name in _SENDS
            and call.target == asked.target
            and "HTTP/1.1 2" in call.arguments
        ),
        None,
    )
    if answered is None:
        return "its answer is not in the record"
    written = next(
        (
            call
            for call in record
            if call.began > asked.ended
            and call.name == "pwrite64"
            and call.target.endswith(_WAL)
            and mark in call.arguments
        ),
        None,
    )
    if written is None or written.ended is None or written.ended > answered.began:
        return "it was answered before it was written to the write-ahead log"
    if not any(sync.began > written.ended and (sync.ended or 0) < answered.began for sync in syncs):
        return "it was answered before the write-ahead log was synced"
    return None


def _letters(dice: random.Random, count: int) -> list[Letter]:
    return [Letter(mark=str(uuid.UUID(int=dice.getrandbits(128))), signed=dice.random() < 0.75) for _ in range(count)]  # noqa: PLR2004 - most


async def _send(letters: Sequence[Letter], url: str) -> list[int]:
    """Send the first half one after the other, the rest at once, and return the statuses."""
    alone, together = letters[: len(letters) // 2], letters[len(letters) // 2 :]
    async with aiohttp.ClientSession() as session:
        statuses = [await letter.post(url, session) for letter in alone]
        async with asyncio.TaskGroup() as tasks:
            posts = [tasks.create_task(letter.post(url, session), name=letter.mark) for letter in together]
    return statuses + [post.result() for post in posts]
