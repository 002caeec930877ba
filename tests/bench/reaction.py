"""How long it takes, at a steady hundred callbacks a second, until a handler is called."""

import asyncio
from dataclasses import dataclass
from statistics import median

from load import paced, prepare
from servers import bare, fresh_daemon

PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Reaction:
    """One round; medians, in seconds."""

    round_trip: float
    """Of a request to the bare server."""
    handler_called: float
    """From the receipt of a callback to the call of a handler."""
    sent: float
    """From the sending of a callback to the call of a handler."""


def measure(seconds: float, *, first: int) -> Reaction:
    """Run one round; `first` is the number of the first job, so that no two rounds share one."""
    count = int(PER_SECOND * seconds)
    with bare() as server:
        requests = prepare(count, first=first, port=server.port)
        without = asyncio.run(paced(server.port, requests, per_second=PER_SECOND))
    known: list[str] = []
    with fresh_daemon(must_know=known) as server:
        requests = prepare(count, first=first + count, port=server.port)
        sent_at = asyncio.run(paced(server.port, requests, per_second=PER_SECOND)).sent_at
        known += sent_at
    calls = [call for calls in server.called.values() for call in calls]
    received = median(at - server.received[task_id] for task_id, at in calls)
    return Reaction(without.quantile(0.5), received, median(at - sent_at[task_id] for task_id, at in calls))


def rows(rounds: list[Reaction]) -> list[tuple[str, str, str, str]]:
    """Return the line of the table: what, measured, wanted, and the figures behind it."""
    called, round_trip = median(r.handler_called for r in rounds), median(r.round_trip for r in rounds)
    figures = f"{called * 1000:.2f} / {round_trip * 1000:.2f} ms at {PER_SECOND} a second"
    sent = median(r.sent for r in rounds)
    return [
        (
            "receipt to handler called / bare round trip",
            f"{median(r.handler_called / r.round_trip for r in rounds):.1f}",
            "at most 5",
            f"{figures}; {sent * 1000:.2f} from the sending",
        )
    ]
