"""What pydantic found, said in plain words and without the value that was found."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin

import pydantic

from kling_daemon.problems import Problem
from kling_daemon.spelling import nearest

_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "byte_size": 'must be a size such as "64 KiB", or a number of bytes',
    "byte_size_unit": 'must be a size such as "64 KiB", or a number of bytes',
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": 'must be a list such as ["one", "two"]',
    "tuple_type": 'must be a list such as ["one", "two"]',
    "set_type": 'must be a list such as ["one", "two"]',
    "frozen_set_type": 'must be a list such as ["one", "two"]',
    "dict_type": "must be a table of keys",
    "mapping_type": "must be a table of keys",
    "model_type": "must be a table of keys",
    "model_attributes_type": "must be a table of keys",
    "path_type": "must be a path in quotes",
}
_WITH_CONTEXT = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must be at least {min_length} characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}

Location = tuple[str | int, ...]
"""Where something stands in a model: `("handlers", "archive", "events", 0)`."""

Details = Mapping[str, Any]
"""One of pydantic's errors."""


def dotted(location: Location, prefix: str = "") -> str:
    """Return a location as an operator writes it: `handlers.archive.events[0]`."""
    path = prefix
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def problems_of(
    error: pydantic.ValidationError,
    model: type[pydantic.BaseModel],
    *,
    name: Callable[[Location], str] = dotted,
    also_known: Iterable[str] = (),
) -> list[Problem]:
    """Return a problem for each of a model's validation errors.

    name: how the operator calls a location. also_known: keys that may stand beside the model's own; they are looked
    through for the nearest name.
    """
    found = error.errors(include_url=False)
    meant = {(*details["loc"][:-1], _nearest(details, model, also_known)) for details in found if _is_unknown(details)}
    problems = []
    for details in found:
        if details["type"] == "missing" and details["loc"] in meant:
            continue  # it is there under a misspelt name, which is told
        message = _unknown(details, model, also_known) if _is_unknown(details) else _message(details)
        problems.append(Problem(path=name(locate(details)), message=message))
    return problems


def locate(details: Details) -> Location:
    """Return where an error is; a table's key that is wrong itself stands for its value."""
    return tuple(part for part in details["loc"] if part != "[key]")


def _message(details: Details) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WITH_CONTEXT:
        return _WITH_CONTEXT[kind].format_map(context)
    return str(details["msg"]).replace("Input should", "must", 1)


def _is_unknown(details: Details) -> bool:
    return bool(details["type"] == "extra_forbidden")


def _unknown(details: Details, model: type[pydantic.BaseModel], also_known: Iterable[str]) -> str:
    what = "section" if len(details["loc"]) == 1 and isinstance(details["input"], Mapping) else "key"
    near = _nearest(details, model, also_known)
    return f"unknown {what}; did you mean '{near}'?" if near else f"unknown {what}"


def _nearest(details: Details, model: type[pydantic.BaseModel], also_known: Iterable[str]) -> str | None:
    """Return the known key that an unknown one resembles most."""
    *above, key = details["loc"]
    return nearest(str(key), {*_keys_at(model, above), *(() if above else also_known)})


def _keys_at(model: type[pydantic.BaseModel], above: list[str | int]) -> Iterable[str]:
    """Return the keys of the model that a location lies in; none where it cannot be told."""
    for part in above:
        if isinstance(part, int):
            continue  # an entry of a list, which is looked through below
        field = model.model_fields.get(str(part))
        annotation: Any = None if field is None else field.annotation
        if get_origin(annotation) in {list, tuple}:
            annotation = get_args(annotation)[0]
        if not isinstance(annotation, type) or not issubclass(annotation, pydantic.BaseModel):
            return ()
        model = annotation
    return [field.alias or name for name, field in model.model_fields.items()]
