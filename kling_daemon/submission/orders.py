"""An order: what a caller wants Kling to make, checked, and completed with what lets us follow it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kling_daemon.contexts import SubmitRefusedError
from kling_daemon.kling.endpoints import Endpoint, endpoint_of, field_of, model_of, with_field

MAX_PATH = 256
MAX_EXTERNAL_ID = 256
_NOT_IN_A_PATH = frozenset(" ?#%\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One create as it will be sent."""

    path: str
    endpoint: Endpoint
    model: str | None
    body: bytes
    """JSON in UTF-8."""
    external_id: str | None
    """What Kling will know it by besides its own id; None where the endpoint takes none."""
    calls_us_back: bool
    """The callback URL in it is ours."""


def complete(
    path: str, body: Mapping[str, Any], *, job_id: str, external_id: str | None, callback_url: str | None
) -> Order:
    """Return the order with an external id and a callback URL at the place where the path's generation reads them.

    external_id: one that the caller chose besides the body. callback_url: ours, None where Kling cannot reach us. A
    callback URL or an external id that the body holds already stays. Raises SubmitRefusedError.
    """
    endpoint = endpoint_of(checked_path(path))
    if endpoint.is_synchronous:
        raise SubmitRefusedError(
            f"{path} is answered by Kling at once and makes no task that could be followed; send it to Kling yourself"
        )
    _check_places(body, endpoint)
    external_id = external_id or field_of(body, endpoint.external_id_field)
    if external_id is None and endpoint.takes_external_id:
        external_id = job_id
    if external_id is not None:
        body = with_field(body, endpoint.external_id_field, _checked_external_id(external_id))
    calls_us_back = callback_url is not None and field_of(body, endpoint.callback_field) is None
    if callback_url is not None and calls_us_back:
        body = with_field(body, endpoint.callback_field, callback_url)
    try:
        raw = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SubmitRefusedError(f"the body cannot be sent as JSON: {error}") from error
    return Order(
        path=path,
        endpoint=endpoint,
        model=model_of(path, body),
        body=raw,
        external_id=external_id,
        calls_us_back=calls_us_back,
    )


def checked_path(path: str) -> str:
    """Return a create path; SubmitRefusedError for what is none."""
    plain = path.isascii() and path.isprintable() and not _NOT_IN_A_PATH.intersection(path)
    segments = path.split("/")[1:]
    if not path.startswith("/") or not plain or len(path) > MAX_PATH or not {"", ".", ".."}.isdisjoint(segments):
        raise SubmitRefusedError(
            f"{path[:80]!r} is no create path of Kling's; give one such as /text-to-video/kling-3.0"
        )
    return path


def _checked_external_id(external_id: str) -> str:
    """Return an external id by which Kling can be asked: it becomes a part of a path, or of a list with commas."""
    usable = external_id.isprintable() and "," not in external_id and external_id not in {".", ".."}
    if not usable or len(external_id) > MAX_EXTERNAL_ID:
        raise SubmitRefusedError(
            f"Kling could not be asked for the external id {external_id[:80]!r}; "
            f"give up to {MAX_EXTERNAL_ID} printable characters without a comma"
        )
    return external_id


def _check_places(body: Mapping[str, Any], endpoint: Endpoint) -> None:
    """Refuse a body in which something else stands where our fields belong: it would be overwritten in silence."""
    for field in (endpoint.external_id_field, endpoint.callback_field):
        *above, last = field
        place: Any = body
        for key in above:
            place = place.get(key)
            if place is None:
                break
            if not isinstance(place, Mapping):
                raise SubmitRefusedError(f"{key!r} in the body must be an object")
        value = place.get(last) if place is not None else None
        if value is not None and not isinstance(value, str):
            raise SubmitRefusedError(f"{'.'.join(field)!r} in the body must be a string")
