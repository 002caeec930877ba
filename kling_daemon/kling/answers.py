"""What Kling said about many tasks that it was asked for, put together from several requests."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.reports import Report

PERHAPS_ONE_ID = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.TASK_NOT_FOUND, ErrorKind.TOO_MANY_IDS})
"""Refusals of a request that may be due to a single id in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What Kling said about many tasks; a part that failed leaves the others whole."""

    reports: tuple[Report, ...] = ()
    unknown_ids: frozenset[str] = frozenset()
    """Asked for, and missing from a request's good answer: Kling does not know them under this account."""
    unanswered_ids: frozenset[str] = frozenset()
    """Asked for in vain: the request failed, or what may be their entry could not be read. Nothing follows from it."""
    errors: tuple[KlingError, ...] = ()
    """Why requests failed, one for each; not for an id that Kling refuses while it answers others, which is logged."""
    requests: int = field(default=0, compare=False)
    """How many requests it took, those not counted that were sent again because they failed."""


def merge(parts: Iterable[Answers]) -> Answers:
    """Return several answers as one."""
    parts = list(parts)
    reports = tuple(report for part in parts for report in part.reports)
    errors = tuple(error for part in parts for error in part.errors)
    if reports:
        # Kling answers us: what it holds against a single id must not look like an outage.
        errors = tuple(error for error in errors if error.kind not in PERHAPS_ONE_ID)
    return Answers(
        reports=reports,
        unknown_ids=frozenset().union(*(part.unknown_ids for part in parts)),
        unanswered_ids=frozenset().union(*(part.unanswered_ids for part in parts)),
        errors=errors,
        requests=sum(part.requests for part in parts),
    )
