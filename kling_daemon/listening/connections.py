"""Connections that keep quiet: what is no HTTP gets one short answer and one short line in the log.

aiohttp's own answer to it repeats the bytes that came and names the versions of its parts, and its log line is a
traceback, so that anybody who can connect could fill the log.
"""

from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

_PROBLEM = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "this is no request in HTTP"}


class QuietConnection(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what came
    ) -> web.StreamResponse:
        """Return the answer to what could not be read as a request; the connection ends with it."""
        self.log_exception(status=status, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun, and another one would spoil it")
        problem = _PROBLEM if status == HTTPStatus.BAD_REQUEST else _PROBLEM | {"title": "Error", "status": status}
        response = web.json_response(
            problem, status=status, content_type="application/problem+json", headers={"Server": "kling-daemon"}
        )
        response.force_close()
        return response

    def log_exception(self, *_args: Any, status: int | None = None, exc_info: Any = None, **_more: Any) -> None:
        """Log what went wrong with the connection by its kind alone: its words are the sender's."""
        log.info("connection failed", status=status, kind=type(exc_info).__name__)
