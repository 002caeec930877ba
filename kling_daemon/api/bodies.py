"""Reading the JSON bodies of requests that change something."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

import pydantic
from aiohttp import hdrs, web

from kling_daemon.api.problems import ProblemError, bad_request

MEDIA_TYPE = "application/json"
MAX_BODY = 64 * 1024**2
"""How many bytes a body may have: a create may bear pictures as base64."""

_LARGE = 256 * 1024
"""From how many bytes on a body is parsed in a thread, so that the loop does not stand still for it."""

MOST_VALUES = 500_000
"""How many values a body may hold. 60 MiB of `[],[],…` would take gigabytes and stop the loop for seconds, in a thread
too, since Python's parser shares its lock with nobody meanwhile; 60 MiB of pictures are a few values."""

Model = TypeVar("Model", bound=pydantic.BaseModel)


class Nothing(pydantic.BaseModel):
    """The body of a change that needs no words: `{}`."""

    model_config = pydantic.ConfigDict(extra="forbid")


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Return the body as the model; a ProblemError of 400, 413 or 415 says what is wrong with it."""
    if request.content_type != MEDIA_TYPE:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {MEDIA_TYPE}")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    raw = await request.read()
    parsed = await asyncio.to_thread(_parse, raw) if len(raw) > _LARGE else _parse(raw)
    try:
        return model.model_validate(parsed)
    except pydantic.ValidationError as error:
        raise bad_request(_explain(error)) from None


def _parse(raw: bytes) -> Any:
    # Each value but the first has one of these before it; those within texts are counted too, which errs by little.
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise bad_request(f"the body holds more than {MOST_VALUES} values")
    try:
        parsed = json.loads(raw.decode(), parse_constant=_refuse_constant)
        # What cannot be written as JSON again could be neither stored nor sent: lone surrogates, and 1e999.
        json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeError:
        raise bad_request("the body is not text in UTF-8") from None
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from None
    return parsed


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON's")


def _explain(error: pydantic.ValidationError) -> str:
    """Name each wrong field, without its value, which may be megabytes or a secret."""
    return "; ".join(
        f"{'.'.join(str(part) for part in details['loc']) or 'the body'}: {details['msg']}"
        for details in error.errors(include_url=False, include_context=False, include_input=False)[:10]
    )
