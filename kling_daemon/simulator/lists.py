"""The lists of the new generation at the simulated Kling: the newest first, by times, filters and a cursor."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import Kind
from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.orders import read_object
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.simulator.wire import queried

MAX_LIMIT = 500
LOOKS_BACK = timedelta(days=30)
"""How far back a list goes that does not say from when on."""

_STATES = {"succeed": JobState.SUCCEEDED}
"""A word of the legacy dialect that one of Kling's pages uses here too."""
_TRY_ON = "/v1/images/kolors-virtual-try-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorList:
    """One of the two lists."""

    holds: Callable[[SimulatedJob], bool]
    usual_limit: int
    """How many entries a page has when the request does not say."""
    filters: frozenset[str]

    def page(self, account: Account, raw: bytes, now: datetime) -> dict[str, Any]:
        """Return what a request's body wants, and where the next page begins. RefusalError 1201 for what is no body.

        A cursor bears the times of the request that it began with. What is created meanwhile moves nothing.
        """
        body = read_object(raw) if raw.strip() else {}
        limit, wanted = _limit(body, self.usual_limit), _filters(body, self.filters)
        start = _read_cursor(body["cursor"]) if body.get("cursor") else _first_page(body, now)
        jobs = (
            job
            for job in account.newest_first()
            if self.holds(job) and start.holds(job) and all(matches(job) for matches in wanted)
        )
        found = list(islice(jobs, limit + 1))
        entries, has_more = found[:limit], len(found) > limit
        return {
            "result": [queried(job) for job in entries],
            "count": len(entries),
            "next_cursor": start.behind(entries[-1]).written() if has_more else "",
            "has_more": has_more,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a page begins, in a list of what was created within some time."""

    since: int
    """In milliseconds since 1970, as all times here."""
    until: int
    """The first millisecond that is not wanted."""
    before: int | None
    """The number of the last job on the page before; None for the first page."""

    def holds(self, job: SimulatedJob) -> bool:
        is_due = self.before is None or job.number < self.before
        return is_due and self.since <= to_millis(job.created_at) < self.until

    def behind(self, job: SimulatedJob) -> "_Place":
        return _Place(since=self.since, until=self.until, before=job.number)

    def written(self) -> str:
        return base64.b64encode(json.dumps([self.since, self.until, self.before]).encode()).decode()


def _read_cursor(cursor: Any) -> _Place:
    try:
        since, until, before = json.loads(base64.b64decode(cursor, validate=True))
    except (ValueError, TypeError, RecursionError):
        since = until = before = None
    if not all(type(part) is int for part in (since, until, before)):
        raise RefusalError(1201, "cursor is invalid")
    return _Place(since=since, until=until, before=before)


def _first_page(body: Mapping[str, Any], now: datetime) -> _Place:
    # The present millisecond is not over: what was created in it belongs to a list that ends now.
    until = _time(body, "end_time", to_millis(now) + 1)
    since = _time(body, "start_time", until - LOOKS_BACK // timedelta(milliseconds=1))
    if since >= until:
        raise RefusalError(1201, "start_time must be earlier than end_time")
    return _Place(since=since, until=until, before=None)


def _time(body: Mapping[str, Any], name: str, usual: int) -> int:
    """Return a time in milliseconds; one of the two lists wants it as text, the other as a number."""
    value = body.get(name)
    if value is None or value == "":
        return usual
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(2**63)):
        return int(value)
    if type(value) is not int:
        raise RefusalError(1201, f"{name} must be a time in milliseconds")
    return value


def _limit(body: Mapping[str, Any], usual: int) -> int:
    """Return how many entries are wanted: at least one, since Kling takes 0 and less for that."""
    limit = body.get("limit", usual)
    if type(limit) is not int or limit > MAX_LIMIT:
        raise RefusalError(1201, f"limit must be an integer of at most {MAX_LIMIT}")
    return max(limit, 1)


def _filters(body: Mapping[str, Any], known: frozenset[str]) -> list[Callable[[SimulatedJob], bool]]:
    filters = body.get("filters") or []
    if not isinstance(filters, list):
        raise RefusalError(1201, "filters must be a list")
    return [_filter(entry, known) for entry in filters]


def _filter(entry: Any, known: frozenset[str]) -> Callable[[SimulatedJob], bool]:
    key, values = (entry.get("key"), entry.get("values")) if isinstance(entry, Mapping) else ("", None)
    if not isinstance(key, str) or key not in known or not isinstance(values, list) or not all(map(_is_text, values)):
        raise RefusalError(1201, f"a filter needs a key ({' or '.join(sorted(known))}) and values, a list of strings")
    if key == "status":
        states = {_STATES.get(value, value) for value in values}
        return lambda job: job.state in states
    return lambda job: _product_type(job) in values


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _product_type(job: SimulatedJob) -> str:
    kind = job.order.endpoint.kind
    if job.order.path == _TRY_ON:
        return "try_on"
    return str(kind) if kind in (Kind.VIDEO, Kind.IMAGE) else ""


TASKS = CursorList(
    holds=lambda job: job.order.endpoint.is_known_to_tasks,
    usual_limit=100,
    filters=frozenset({"status", "product_type"}),
)
"""`POST /tasks`: jobs of both generations, but not of solutions."""
SOLUTIONS = CursorList(
    holds=lambda job: job.order.endpoint.is_solution,
    usual_limit=MAX_LIMIT,
    filters=frozenset({"status"}),
)
"""`POST /solutions`."""
