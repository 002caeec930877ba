"""Finds the recorded answer to a request of the present, whatever the pace and the grouping of requests now are."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote

from kling_daemon.simulator.traffic.exchanges import Exchange, Side
from kling_daemon.simulator.traffic.recorded_jobs import RecordedJob, RecordedJobs, is_create, task_id_of

_OK = 200
_IDS, _EXTERNAL_IDS = "task_ids", "external_task_ids"


@dataclass(slots=True)
class _Row:
    """Answers to one question, in the order in which they were given; the last one holds on."""

    answers: list[tuple[Exchange, Any]] = field(default_factory=list)
    """With the entry of an answer that is about several jobs; None where it was missing."""
    given: int = 0

    def peek(self) -> tuple[Exchange, Any]:
        return self.answers[min(self.given, len(self.answers) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the recording has for a request."""

    exchange: Exchange | None
    """None: it knows the job that is asked after, but not how that stood."""
    job: RecordedJob | None = None
    """Of a create."""


class Shelf:
    """A recording's answers. The n-th time that something is asked, it is answered as it was the n-th time."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        """Sort the requests to Kling by what they asked."""
        self.jobs = RecordedJobs(exchanges)
        self._rows: defaultdict[Hashable, _Row] = defaultdict(_Row)
        for exchange in exchanges:
            if exchange.side != Side.KLING or is_create(exchange.method, exchange.target):
                continue
            asked = _asked(exchange.target)
            if asked is None:
                self._rows[_question(exchange.method, exchange.target, exchange.body)].answers.append((exchange, None))
            for name, id_ in asked or ():
                self._rows[name, id_].answers.append((exchange, _entry(exchange, id_)))

    def answer(self, method: str, target: str, body: Any) -> Found | None:
        """Return the answer to a request; None when nothing like it was recorded."""
        if is_create(method, target):
            job = self.jobs.take(target, body)
            return None if job is None else Found(exchange=self._now(job.next_create()), job=job)
        asked = _asked(target)
        if asked is not None:
            exchange = self._several(asked)
            return Found(exchange=None if exchange is None else self._now(exchange))
        row, job = self._rows.get(_question(method, self._recorded(target), body)), None
        if row is None:
            path, _, last = target.rpartition("/")
            name = self.jobs.recorded_external_id(unquote(last))
            job = self.jobs.of_task(name) or self.jobs.of_external_id(name)
            row = None if job is None else self._other_row_of(job, method, path, name)
        if row is None:
            return None if job is None else Found(exchange=None)
        exchange, _ = row.peek()
        row.given += 1
        return Found(exchange=self._now(exchange))

    def _several(self, asked: Sequence[tuple[str, str]]) -> Exchange | None:
        """Return an answer about several jobs: put together from what was last said of each, or a failure of one.

        None when the recording knows them and yet does not say how they stood.
        """
        rows = [row for name, id_ in asked if (row := self._row(name, id_)) is not None]
        if not rows and any(self._job(name, id_) for name, id_ in asked):
            return None
        failing = [row for row in rows if row.peek()[0].status != _OK]
        given = [row.peek() for row in failing or rows]
        for row in failing or rows:
            row.given += 1
        if failing:
            return given[0][0]
        entries = {str(task_id_of(entry)): entry for _, entry in given if entry is not None}
        slowest = max((exchange.took for exchange, _ in given), default=0.0)
        ahead = given[0][0].ahead if given else None
        return _made_up(list(entries.values()), took=slowest, ahead=ahead)

    def _job(self, name: str, id_: str) -> RecordedJob | None:
        return self.jobs.of_task(id_) if name == _IDS else self.jobs.of_external_id(self.jobs.recorded_external_id(id_))

    def _row(self, name: str, id_: str) -> _Row | None:
        """Return what was answered about a job: to this id, else to its other one, else what its callbacks told."""
        if name == _EXTERNAL_IDS:
            id_ = self.jobs.recorded_external_id(id_)
        row, job = self._rows.get((name, id_)), self._job(name, id_)
        if row is not None or job is None:
            return row
        others: list[Hashable] = [(_IDS, task_id) for task_id in job.task_ids]
        others.append((_EXTERNAL_IDS, job.external_id))
        row = next((self._rows[other] for other in others if other in self._rows), None)
        told = [body for body in job.told if "id" in body]
        if row is None and told:
            row = self._rows[name, id_] = _Row([(_made_up([body]), body) for body in told])
        return row

    def _other_row_of(self, job: RecordedJob, method: str, path: str, name: str) -> _Row | None:
        """Return the same of a legacy query for a single job."""
        for other in (*job.task_ids, job.external_id):
            if (row := self._rows.get(_question(method, f"{path}/{other}", None))) is not None:
                return row
        told = [body for body in job.told if "task_id" in body]
        if not told:
            return None
        row = self._rows[_question(method, f"{path}/{name}", None)] = _Row([(_made_up(body), None) for body in told])
        return row

    def _recorded(self, target: str) -> str:
        """Return a target with the recorded external id in place of the present one at its end."""
        path, slash, last = target.rpartition("/")
        return f"{path}{slash}{self.jobs.recorded_external_id(unquote(last))}"

    def _now(self, exchange: Exchange) -> Exchange:
        return replace(exchange, answer=self.jobs.in_the_present(exchange.answer))


def _made_up(data: Any, *, took: float = 0.0, ahead: float | None = None) -> Exchange:
    """Return a success that was put together from what was recorded."""
    answer = {"code": 0, "message": "SUCCEED", "request_id": "replay", "data": data}
    return Exchange(side=Side.KLING, at=0.0, took=took, method="GET", target="", status=_OK, answer=answer, ahead=ahead)


def _asked(target: str) -> list[tuple[str, str]] | None:
    """Return the ids that a query asks after, each with its kind; None when it is no query by ids."""
    query = parse_qs(target.partition("?")[2])
    if _IDS not in query and _EXTERNAL_IDS not in query:
        return None
    return [
        (name, id_.strip())
        for name in (_IDS, _EXTERNAL_IDS)
        for text in query.get(name, [])
        for id_ in text.split(",")
        if id_.strip()
    ]


def _entry(exchange: Exchange, id_: str) -> Any:
    data = exchange.answer.get("data") if isinstance(exchange.answer, Mapping) else None
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, Mapping) and id_ in (entry.get("id"), entry.get("task_id"), entry.get("external_id")):
            return entry
    return None


def _question(method: str, target: str, body: Any) -> Hashable:
    """Return what tells a question from others: its path, and the page that it wants; not the times that it names."""
    path, _, given = target.partition("?")
    query = parse_qs(given)
    page = tuple((name, *query[name]) for name in ("pageNum", "pageSize", "cursor") if name in query)
    cursor = body.get("cursor") if isinstance(body, Mapping) else None
    return method, unquote(path), page, str(cursor or "")
