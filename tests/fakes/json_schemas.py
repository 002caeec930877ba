"""Says what is wrong with JSON that a verb prints, by the JSON Schema of the model that it is said to be."""

from typing import Any

import jsonschema_rs
import pydantic


def violations(model: type[pydantic.BaseModel], value: Any) -> list[str]:
    """Return what a value breaks of a model's schema; what the model does not name must not be there either."""
    schema = _closed(model.model_json_schema(mode="serialization"))
    return [
        f"{error.instance_path}: {error.message}" for error in jsonschema_rs.validator_for(schema).iter_errors(value)
    ]


def _closed(schema: Any) -> Any:
    """Allow nothing more: the models let pass what a newer daemon may say, but this one must say what it declares."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return closed | ({"additionalProperties": False} if closed.get("additionalProperties") is True else {})
