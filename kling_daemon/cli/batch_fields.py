"""Fields of a create's body by dotted names, as the columns of a CSV file and `--set` write them."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

JSON_MARK = ":json"
"""At the end of a name: its value is JSON, and not text."""

Place = tuple[str, ...]


class FieldError(ValueError):
    """A field that makes no sense; the message says why."""


def read_name(name: str) -> tuple[Place, bool]:
    """Return the place that a dotted name means, and whether its value is JSON; FieldError for what is no name."""
    plain = name.strip().removesuffix(JSON_MARK)
    place = tuple(plain.split("."))
    if not all(place):
        raise FieldError(f"{name!r} is no field; write such as prompt, settings.duration or contents:json")
    return place, name.strip().endswith(JSON_MARK)


def read_value(text: str, *, is_json: bool) -> Any:
    """Return a field's value; FieldError for text that should be JSON and is not."""
    if not is_json:
        return text
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FieldError(f"the value is not JSON: {error}") from None


def with_value(body: Mapping[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Return a body with a value at a place, unless something stands there already.

    FieldError where something else than an object stands above the place.
    """
    head, *rest = place
    if not rest:
        return {head: value, **body}
    inner = body.get(head, {})
    if not isinstance(inner, Mapping):
        raise FieldError(f"{head!r} is no object, so it cannot have a field {'.'.join(rest)!r}")
    return {**body, head: with_value(inner, tuple(rest), value)}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
