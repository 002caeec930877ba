"""Declares routes: what a method of the API takes and answers is read from its signature, once.

The same declaration makes the aiohttp route and the route's part of the document, so that neither can say what the
other does not do. A method's parameters are

- what the path names in braces: text, or an annotated kind of it;
- `query`: a `Query`, whose fields are the parameters; without it there may be none;
- `body`: the model of a JSON body; a change without it takes `{}`;
- `request`: the aiohttp request, for what is left.

It returns a model, a `Created`, or a response of aiohttp's. The first line of its docstring sums the route up.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import pydantic
from aiohttp import web

from kling_daemon.api.bodies import MEDIA_TYPE, Nothing, read_body
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import Query, read_query
from kling_daemon.api.services import ApiServices
from kling_daemon.api.waiting import WaitingRoom

Model = TypeVar("Model", bound=pydantic.BaseModel)
_NAMED = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Created(Generic[Model]):
    """The answer to a request that has made something: 201, with its address."""

    model: Model
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One declared route, not yet bound to what answers it."""

    method: str
    path: str
    function: Callable[..., Awaitable[Any]]
    named: Mapping[str, Any]
    """What the path names, with its kinds."""
    query: type[Query]
    body: type[pydantic.BaseModel] | None
    takes: frozenset[str]
    """Which of `query`, `body` and `request` the method wants to see."""
    answers: Mapping[HTTPStatus, type[pydantic.BaseModel] | None]
    """The model of each answer in JSON; None where there is only another kind of answer."""
    media: tuple[str, ...]
    """What else it answers than JSON."""
    problems: Mapping[HTTPStatus, str]
    """What can go wrong here and is not the same everywhere, with the reason."""
    open: bool
    """True when no token is needed."""
    lenient: bool
    """True when parameters that it does not know are let pass."""
    _kinds: Mapping[str, pydantic.TypeAdapter[Any]] = field(repr=False)

    def bound_to(self, owner: object) -> web.RouteDef:
        """Return the route that aiohttp serves, answered by the owner's method."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return _response(await self.function(owner, **await self._read(request)))

        return web.get(self.path, answer) if self.method == "GET" else web.route(self.method, self.path, answer)

    async def _read(self, request: web.Request) -> dict[str, Any]:
        """Return what the method takes; a ProblemError for what it cannot."""
        named = {name: _named(request, name, kind) for name, kind in self._kinds.items()}
        query = None if self.lenient else read_query(request, self.query)
        body = None if self.body is None else await read_body(request, self.body)
        given = {"query": query, "body": body, "request": request}
        return named | {name: given[name] for name in self.takes}


class Routes:
    """A part of the API; its routes are the methods that are declared with `get` and `post`."""

    def __init__(self, services: ApiServices, waiting: WaitingRoom) -> None:
        """Take the daemon's parts, and the place where requests wait."""
        self._services = services
        self._read = services.store.read
        self._waiting = waiting

    @classmethod
    def declared(cls) -> list[Route]:
        """Return its routes, in the order in which they are declared."""
        return [value for value in vars(cls).values() if isinstance(value, Route)]

    def bound(self) -> list[web.RouteDef]:
        """Return its routes as aiohttp serves them."""
        return [route.bound_to(self) for route in self.declared()]


def get(
    path: str,
    *,
    problems: Mapping[HTTPStatus, str] | None = None,
    media: tuple[str, ...] = (),
    open: bool = False,  # noqa: A002 - reads well where it is said
    lenient: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Route]:
    """Declare a method to be a route that changes nothing; see `Route` for the rest."""
    return lambda function: _declared("GET", path, function, problems or {}, media, open=open, lenient=lenient)


def post(
    path: str, *, problems: Mapping[HTTPStatus, str] | None = None
) -> Callable[[Callable[..., Awaitable[Any]]], Route]:
    """Declare a method to be a route that changes something; see `Route` for the rest."""
    return lambda function: _declared("POST", path, function, problems or {}, (), open=False, lenient=False)


def _declared(
    method: str,
    path: str,
    function: Callable[..., Awaitable[Any]],
    problems: Mapping[HTTPStatus, str],
    media: tuple[str, ...],
    *,
    open: bool,  # noqa: A002 - as above
    lenient: bool,
) -> Route:
    kinds = get_type_hints(function, include_extras=True)
    names = _NAMED.findall(path)
    parameters = set(inspect.signature(function).parameters) - {"self"}
    takes = parameters & {"query", "body", "request"}
    if parameters - takes != set(names):
        raise TypeError(f"{function.__qualname__} does not take what {path} names")
    return Route(
        method=method,
        path=path,
        function=function,
        named={name: kinds[name] for name in names},
        query=kinds.get("query", Query),
        body=kinds.get("body", Nothing if method == "POST" else None),
        takes=frozenset(takes),
        answers=_answers(kinds["return"]),
        media=media,
        problems=problems,
        open=open,
        lenient=lenient,
        _kinds={name: pydantic.TypeAdapter(kinds[name]) for name in names},
    )


def _answers(kind: Any) -> dict[HTTPStatus, type[pydantic.BaseModel] | None]:
    """Return the model of each status that a method's result can have."""
    found: dict[HTTPStatus, type[pydantic.BaseModel] | None] = {}
    for one in get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,):
        if get_origin(one) is Created:
            found[HTTPStatus.CREATED] = get_args(one)[0]
        elif issubclass(one, pydantic.BaseModel):
            found[HTTPStatus.OK] = one
        else:
            found.setdefault(HTTPStatus.OK, None)
    return dict(sorted(found.items()))


def _named(request: web.Request, name: str, kind: pydantic.TypeAdapter[Any]) -> Any:
    try:
        return kind.validate_python(request.match_info[name])
    except pydantic.ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is nothing at this path: {name}: {reason}") from None


def _response(result: Any) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    if isinstance(result, Created):
        return _json(result.model, status=HTTPStatus.CREATED, headers={"Location": result.location})
    return _json(result)


def _json(model: pydantic.BaseModel, **given: Any) -> web.Response:
    return web.Response(body=model.model_dump_json().encode(), content_type=MEDIA_TYPE, charset="utf-8", **given)
