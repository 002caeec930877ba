"""Writes the OpenAPI document of the local API from its declared routes and their models."""

import inspect
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus

from kling_daemon.api import problems
from kling_daemon.api.bodies import MEDIA_TYPE
from kling_daemon.api.routes import Route
from kling_daemon.api.schemas import Schema, Schemas, schema_of
from kling_daemon.client.models import ProblemModel

VERSION = "1"
"""The version of the API, as in `/api/v1`."""

_ABOUT = """\
JSON over HTTP for people and programs on the same machine. Lists answer a part at a time: `next` is the `cursor` of the
request for the following part. A parameter that a route does not know is an error, as is one that is given twice.
Errors are problem objects (RFC 9457)."""

_COMMON = {
    HTTPStatus.BAD_REQUEST: "the request makes no sense",
    HTTPStatus.UNAUTHORIZED: "the token is missing or wrong",
    HTTPStatus.FORBIDDEN: "the token's scope is not enough, or a web page of somebody else's sends the request",
    HTTPStatus.NOT_FOUND: "there is no such thing",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than the daemon takes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: f"the body is not {MEDIA_TYPE}",
    HTTPStatus.MISDIRECTED_REQUEST: "the name in `Host` is none of the daemon's",
    HTTPStatus.SERVICE_UNAVAILABLE: "the database cannot be used at the moment; nothing was changed",
}


def describe(routes: Iterable[Route]) -> Schema:
    """Return the document of these routes, as a JSON object."""
    routes = list(routes)
    schemas = Schemas(
        answers=[ProblemModel, *(model for route in routes for model in route.answers.values() if model is not None)],
        orders=[*(route.body for route in routes if route.body is not None), *(route.query for route in routes)],
    )
    paths: dict[str, dict[str, Schema]] = {}
    queries = {query: schemas.take(query) for query in {route.query for route in routes}}
    for route in routes:
        operation = _operation(route, queries[route.query], schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "kling-daemon", "version": VERSION, "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": {_key(status): _problem(reason, schemas) for status, reason in _COMMON.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of the daemon's."}
            },
        },
    }


def _operation(route: Route, query: Schema, schemas: Schemas) -> Schema:
    summary, _, more = inspect.cleandoc(route.function.__doc__ or "").partition("\n\n")
    operation: Schema = {
        "operationId": route.function.__name__,
        "tags": [_tag(route.path)],
        "summary": summary.removesuffix("."),
    }
    if more:
        operation["description"] = more
    if route.open:
        operation["security"] = []
    parameters = [*_named(route), *_query(route, query)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {MEDIA_TYPE: {"schema": schemas.order(route.body)}}}
    operation["responses"] = {str(status.value): _success(route, status, schemas) for status in route.answers} | {
        str(status.value): _problem(reason, schemas) if reason else {"$ref": f"#/components/responses/{_key(status)}"}
        for status, reason in sorted(_problems(route).items())
    }
    return operation


def _tag(path: str) -> str:
    """Return what a path is about: the word behind `/api/v1`."""
    parts = path.split("/")
    return parts[3] if len(parts) > 3 and "." not in parts[3] else "daemon"  # noqa: PLR2004 - "", "api", "v1", …


def _named(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, **_described(schema_of(kind))}
        for name, kind in route.named.items()
    ]


def _query(route: Route, schema: Schema) -> list[Schema]:
    found = []
    for name, part in schema.get("properties", {}).items():
        parameter = {"name": name, "in": "query", **_described(_given(part, route.query.model_fields[name].default))}
        if parameter["schema"].get("type") == "array":  # words with commas between them
            parameter |= {"style": "form", "explode": False}
        found.append(parameter)
    return found


def _described(schema: Schema) -> Schema:
    """Return a parameter's description apart from its schema."""
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"description": schema["description"], "schema": rest} if "description" in schema else {"schema": rest}


def _given(schema: Schema, default: object) -> Schema:
    """Return the schema of a parameter where it is given: a query string cannot bear null, nor a span of time."""
    schema = {key: value for key, value in schema.items() if key != "default"}
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    for choice in choices:
        schema |= choice
    if isinstance(default, timedelta):
        default = default.total_seconds()
    return schema if default is None else schema | {"default": default}


def _success(route: Route, status: HTTPStatus, schemas: Schemas) -> Schema:
    content: Schema = {media: {"schema": {"type": "string"}} for media in route.media}
    model = route.answers[status]
    if model is not None:
        content = {MEDIA_TYPE: {"schema": schemas.answer(model)}} | content
    answer: Schema = {"description": status.phrase, "content": content}
    if status is HTTPStatus.CREATED:
        answer["headers"] = {"Location": {"description": "Where it is found.", "schema": {"type": "string"}}}
    return answer


def _problems(route: Route) -> Mapping[HTTPStatus, str | None]:
    """Return what can go wrong on a route, with the reason where it is the route's own."""
    statuses = [
        *(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST),
        *([] if route.open else [HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE]),
        *([HTTPStatus.NOT_FOUND] if route.named else []),
        *([HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE] if route.body is not None else []),
    ]
    return dict.fromkeys(statuses) | dict(route.problems)


def _key(status: HTTPStatus) -> str:
    return f"Problem{status.value}"  # its phrase is not the same in all versions of Python


def _problem(reason: str, schemas: Schemas) -> Schema:
    content = {problems.MEDIA_TYPE: {"schema": schemas.answer(ProblemModel)}}
    return {"description": f"{reason[0].upper()}{reason[1:]}.", "content": content}


def as_text(document: Schema) -> str:
    """Return the document as it is checked in and served."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
