"""Reading the query strings of requests: strictly, so that a misspelt filter is an error and not a full list."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from kling_daemon.api.cursors import from_cursor, to_cursor
from kling_daemon.api.problems import bad_request
from kling_daemon.spelling import did_you_mean

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
PAGING = ("limit", "cursor")

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DIGITS = 9
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)

Choice = TypeVar("Choice", bound=StrEnum)
Row = TypeVar("Row")


def read_query(request: web.Request, known: Collection[str]) -> Mapping[str, str]:
    """Return the query's parameters; a ProblemError when one is unknown or given twice."""
    query = request.query
    for name in query:
        if name not in known:
            there_are = f"; there are {', '.join(known)}" if known else ""
            raise bad_request(f"no such parameter: '{name}'{did_you_mean(name, known) or there_are}")
        if len(query.getall(name)) > 1:
            raise bad_request(f"{name} is given more than once")
    return dict(query)


def choice_of(query: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None:
    """Return a parameter that is one of a few words; None when it is left out."""
    word = query.get(name)
    if word is None:
        return None
    try:
        return choices(word)
    except ValueError:
        known = [str(choice) for choice in choices]
        raise bad_request(f"{name} must be one of {', '.join(known)}{did_you_mean(word, known)}") from None


def seconds_of(query: Mapping[str, str], name: str, *, default: timedelta, most: timedelta) -> timedelta:
    """Return a parameter in seconds, no longer than the most."""
    text = query.get(name)
    if text is None:
        return default
    if not _SECONDS.fullmatch(text):
        raise bad_request(f"{name} must be a number of seconds, such as 30 or 0.5")
    return timedelta(seconds=min(float(text), most.total_seconds()))


def choices_of(query: Mapping[str, str], name: str, choices: type[Choice]) -> frozenset[Choice] | None:
    """Return a parameter that is some of a few words, with commas between them; None when it is left out."""
    if name not in query:
        return None
    words = [choice_of({name: word}, name, choices) for word in query[name].split(",")]
    return frozenset(word for word in words if word is not None)


def moment_of(query: Mapping[str, str], name: str) -> datetime | None:
    """Return a parameter that is a moment, as RFC 3339 writes it with an offset."""
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC) if _MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise bad_request(f"{name} must be a moment such as 2026-11-21T19:18:39Z; a plus in an offset is sent as %2B")
    return moment


def limit_of(query: Mapping[str, str]) -> int:
    """Return how many items a list may answer; too many or too few are brought to the nearest that is possible."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not _INTEGER.fullmatch(text):
        raise bad_request("limit must be a whole number")
    if len(text) > _DIGITS:  # Python refuses to read thousands of digits
        return 1 if text.startswith("-") else MAX_LIMIT
    return min(max(int(text), 1), MAX_LIMIT)


def before_of(query: Mapping[str, str]) -> int | None:
    """Return the row before which this part of a list begins; None for the first part."""
    text = query.get("cursor")
    return None if text is None else from_cursor(text)


def cut(rows: list[Row], limit: int, number: Callable[[Row], int]) -> tuple[list[Row], str | None]:
    """Cut rows, one more than wanted where there are more, into a part and the cursor of the next one."""
    part = rows[:limit]
    return part, to_cursor(number(part[-1])) if len(rows) > limit else None
