"""Reading the query strings of requests: strictly, so that a misspelt filter is an error and not a full list."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import pydantic
from aiohttp import web
from pydantic_core import ErrorDetails

from kling_daemon.api.cursors import from_cursor, to_cursor
from kling_daemon.api.problems import bad_request
from kling_daemon.client.models import CURSOR_PATTERN
from kling_daemon.spelling import did_you_mean

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DIGITS = 9
_LONGEST_NAME = 80
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_NUMBER = re.compile(r"[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", re.ASCII)

Row = TypeVar("Row")


class Query(pydantic.BaseModel):
    """What a route takes behind the question mark; each field is a parameter."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


def seconds(most: timedelta) -> Any:
    """Return the validator of a parameter in seconds, which becomes no longer than the most."""

    def read(text: object) -> timedelta:
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            raise ValueError("must be a number of seconds, such as 30 or 0.5")
        return timedelta(seconds=min(float(text), most.total_seconds()))

    return pydantic.BeforeValidator(read, json_schema_input_type=Annotated[float, pydantic.Field(ge=0)])


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text)).astimezone(UTC) if _MOMENT.fullmatch(str(text)) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError("must be a moment such as 2026-11-21T19:18:39Z; a plus in an offset is sent as %2B")
    return moment


Moment = Annotated[datetime, pydantic.BeforeValidator(_moment, json_schema_input_type=pydantic.AwareDatetime)]
"""A parameter that is a moment, as RFC 3339 writes it with an offset; in UTC."""


def split(text: object) -> object:
    """Return the words of a parameter that takes several, with commas between them."""
    return text.split(",") if isinstance(text, str) else text


def _limit(text: object) -> int:
    """Return how many items a list may answer; too many or too few are brought to the nearest that is possible."""
    if not isinstance(text, str) or not _INTEGER.fullmatch(text):
        raise ValueError("must be a whole number")
    if len(text) > _DIGITS:  # Python refuses to read thousands of digits
        return 1 if text.startswith("-") else MAX_LIMIT
    return min(max(int(text), 1), MAX_LIMIT)


def _cursor(text: object) -> int:
    return from_cursor(str(text))


CursorText = Annotated[str, pydantic.Field(pattern=CURSOR_PATTERN)]


class Paging(Query):
    """What every list takes that comes in parts."""

    limit: Annotated[int, pydantic.BeforeValidator(_limit, json_schema_input_type=int)] = DEFAULT_LIMIT
    """How many items the answer may have; brought to the nearest of 1 to 500."""
    cursor: Annotated[int | None, pydantic.BeforeValidator(_cursor, json_schema_input_type=CursorText)] = None
    """The `next` of an earlier answer: the list goes on there."""

    def cut(self, rows: list[Row], number: Callable[[Row], int]) -> tuple[list[Row], str | None]:
        """Cut rows, one more than wanted where there are more, into a part and the cursor of the next one."""
        part = rows[: self.limit]
        return part, to_cursor(number(part[-1])) if len(rows) > self.limit else None


Q = TypeVar("Q", bound=Query)


def read_query(request: web.Request, model: type[Q]) -> Q:
    """Return the query's parameters; a ProblemError when one is unknown, makes no sense or is given twice."""
    query, known = request.query, model.model_fields
    for name in query:
        if name not in known:
            there_are = f"; there are {', '.join(known)}" if known else ""
            shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
            raise bad_request(f"no such parameter: '{shown}'{did_you_mean(name, known) or there_are}")
        if len(query.getall(name)) > 1:
            raise bad_request(f"{name} is given more than once")
    try:
        return model.model_validate(dict(query))
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False)
        raise bad_request("; ".join(_explain(detail) for detail in details)) from None


def _explain(detail: ErrorDetails) -> str:
    """Say what is wrong with a parameter, in the words of a validator of ours where it was one."""
    name, context = detail["loc"][0], detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return f"{name} {context['error']}"
        case "enum":
            known = re.findall(r"'([^']*)'", context["expected"])
            return f"{name} must be one of {', '.join(known)}{did_you_mean(str(detail['input']), known)}"
        case _:
            return f"{name}: {detail['msg']}"
