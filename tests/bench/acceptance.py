"""How many callbacks are accepted durably, and how long the slowest wait, beside what keeps nothing."""

import asyncio
from dataclasses import dataclass
from statistics import median

from load import Round, prepare, saturate
from servers import Server, bare, fresh_daemon

CONNECTIONS = 64
_WARM_UP = 300
_AT_MOST = 25_000
"""More than any of them answers in a second: each request is prepared beforehand, and sent once."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One round of each of the three."""

    bare: Round
    daemon: Round
    each: Round
    """The daemon committing once per request."""
    reacted: float
    """Share of the daemon's deliveries that its handlers had been called for when the round ended."""


def measure(seconds: float, *, first: int) -> Acceptance:
    """Run one round; `first` is the number of the first job, so that no two rounds share one."""
    numbers = iter(range(first, first + 10_000_000, int(_AT_MOST * seconds) + _WARM_UP))
    with bare() as server:
        without = _load(server, next(numbers), seconds, [])
    known: list[str] = []
    with fresh_daemon(must_know=known) as server:
        grouped = _load(server, next(numbers), seconds, known)
    calls = [at for calls in server.called.values() for _, at in calls]
    reacted = sum(at <= grouped.ended for at in calls) / (2 * len(known))
    known = []
    with fresh_daemon(commit_each=True, must_know=known) as server:
        each = _load(server, next(numbers), seconds, known)
    return Acceptance(without, grouped, each, reacted)


def _load(server: Server, first: int, seconds: float, known: list[str]) -> Round:
    """Put a server under load and note which tasks it has answered for."""
    requests = prepare(_WARM_UP, first=first, port=server.port)
    warm_up = asyncio.run(saturate(server.port, requests, connections=CONNECTIONS, seconds=60))
    requests = prepare(int(_AT_MOST * seconds), first=first + _WARM_UP, port=server.port)
    measured = asyncio.run(saturate(server.port, requests, connections=CONNECTIONS, seconds=seconds))
    known += [*warm_up.sent_at, *measured.sent_at]
    return measured


def rows(rounds: list[Acceptance]) -> list[tuple[str, str, str, str]]:
    """Return the lines of the table: what, measured, wanted, and the figures behind it."""
    rate, bare_rate = median(r.daemon.rate for r in rounds), median(r.bare.rate for r in rounds)
    p99, bare_p99 = median(r.daemon.quantile(0.99) for r in rounds), median(r.bare.quantile(0.99) for r in rounds)
    each_rate, reacted = median(r.each.rate for r in rounds), median(r.reacted for r in rounds)
    return [
        (
            "accepted durably / bare aiohttp",
            f"{median(r.daemon.rate / r.bare.rate for r in rounds):.2f}",
            "at least 0.4, aim 0.6",
            f"{rate:,.0f} / {bare_rate:,.0f} a second; handlers had seen {reacted:.0%}",
        ),
        (
            "accepted durably / committing each request",
            f"{median(r.daemon.rate / r.each.rate for r in rounds):.1f}",
            "at least 2",
            f"{rate:,.0f} / {each_rate:,.0f} a second",
        ),
        (
            "p99 / bare aiohttp's",
            f"{median(r.daemon.quantile(0.99) / r.bare.quantile(0.99) for r in rounds):.1f}",
            "at most 3",
            f"{p99 * 1000:.1f} / {bare_p99 * 1000:.1f} ms",
        ),
    ]
