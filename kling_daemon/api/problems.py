"""Errors as RFC 9457 problem objects, whatever went wrong; never a traceback."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from aiohttp import http_exceptions, web
from aiohttp.typedefs import Handler

from kling_daemon.client.models import ProblemModel
from kling_daemon.store import NoRoomError, StoreUnavailableError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

_KEPT_HEADERS = ("Allow", "WWW-Authenticate", "Retry-After")


class ProblemError(Exception):
    """Ends a request with a problem; the detail is a sentence for the person who sent it."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        """Take the HTTP status, what was wrong with the request, and headers to be sent along."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Return the answer."""
        model = ProblemModel(title=self.status.phrase, status=self.status, detail=self.detail)
        return web.Response(
            status=self.status, body=model.model_dump_json().encode(), content_type=MEDIA_TYPE, headers=self.headers
        )


def bad_request(detail: str) -> ProblemError:
    """Return the problem of a request that makes no sense."""
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)


@web.middleware
async def answer_with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a request ends in into an answer."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except web.HTTPException as error:
        return _of(error, request).response()
    except (http_exceptions.HttpProcessingError, web.RequestPayloadError, ConnectionError):
        return bad_request("the body broke off, or is not encoded as its headers say").response()
    except NoRoomError as error:
        return ProblemError(HTTPStatus.INSUFFICIENT_STORAGE, str(error), headers={"Retry-After": "60"}).response()
    except StoreUnavailableError as error:
        headers = {"Retry-After": "5"}
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"nothing was changed: {error}", headers=headers).response()
    except Exception:
        log.exception("a request to the local api failed", method=request.method, route=_route(request))
        return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the daemon's log tells more").response()


def _of(error: web.HTTPException, request: web.Request) -> ProblemError:
    status = HTTPStatus(error.status)
    headers = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
    match status:
        case HTTPStatus.NOT_FOUND:
            detail = "there is nothing at this path"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"this path takes {headers.get('Allow', 'other methods')}, not {request.method[:16]}"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            detail = "the body is larger than the daemon takes"
        case _:
            detail = error.reason
    return ProblemError(status, detail, headers=headers)


def _route(request: web.Request) -> str:
    """Return the route's pattern: the path itself may bear what must not be logged."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
