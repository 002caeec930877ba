"""Reads the tasks in Kling's answers as reports; one that cannot be read loses no other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from kling_daemon.clock import Clock
from kling_daemon.kling.answers import Answers
from kling_daemon.kling.bodies import UnreadableError
from kling_daemon.kling.dialects import entries_of, read_task, task_id_of
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.reports import Report, Source

log = structlog.get_logger(__name__)

_UNREADABLE = "the answer holds no readable task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """The tasks of one answer."""

    reports: tuple[Report, ...]
    unread: tuple[str | None, ...]
    """The ids of those that make no sense; None for one without even an id."""


class EntryReader:
    """Makes reports of what answers hold, and says in the log what is odd about it."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that says when an answer came."""
        self._clock = clock

    def one(self, data: Any, *, source: Source, endpoint: str) -> Report:
        """Return what an answer says of a single task; KlingError where that cannot be made out."""
        try:
            return self._read(data, source=source, endpoint=endpoint)
        except UnreadableError as error:
            raise KlingError(ErrorKind.UNINTELLIGIBLE, f"{_UNREADABLE}: {error.flaw}") from error

    def each(self, entries: Iterable[Any], *, endpoint: str | None = None) -> Entries:
        """Return what the entries of a list say. endpoint: the path that created them all, where that is known."""
        reports: list[Report] = []
        unread: list[str | None] = []
        for entry in entries:
            try:
                reports.append(self._read(entry, source=Source.POLL, endpoint=endpoint))
            except UnreadableError as error:
                log.warning("unreadable entry in an answer of kling's", flaw=error.flaw)
                unread.append(task_id_of(entry))
        return Entries(reports=tuple(reports), unread=tuple(unread))

    def asked_for(self, asked: frozenset[str], answer: Mapping[str, Any]) -> Answers:
        """Return what the answer to a query for these ids says; KlingError where it holds no list of tasks."""
        entries = self.each(unread_entries_of(answer))
        reports = []
        for report in entries.reports:
            if report.task_id in asked:
                reports.append(report)
            else:
                log.warning("kling answered for a task that was not asked for", task_id=report.task_id)
        missing = asked.difference(report.task_id for report in reports)
        # An entry without even an id may be any of the missing ones, and then none of them is known to be unknown.
        unanswered = missing if None in entries.unread else missing.intersection(entries.unread)
        return Answers(reports=tuple(reports), unknown_ids=missing - unanswered, unanswered_ids=frozenset(unanswered))

    def _read(self, data: Any, *, source: Source, endpoint: str | None) -> Report:
        report = read_task(data, source=source, received_at=self._clock.now(), endpoint=endpoint)
        if report.state is None:
            log.warning("unknown status word of kling's", task_id=report.task_id, status=report.strange_word)
        return report


def unread_entries_of(answer: Mapping[str, Any]) -> list[Any]:
    """Return the tasks of an answer to a query as they came; KlingError where it holds no list of tasks."""
    try:
        return entries_of(answer)
    except UnreadableError as error:
        raise KlingError(ErrorKind.UNINTELLIGIBLE, f"{_UNREADABLE}: {error.flaw}") from error
