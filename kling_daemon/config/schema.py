"""The JSON Schema of the configuration file, by which editors complete and check it while it is written.

It describes the TOML, not the settings that are made of it: durations are text there, and secrets are tables that say
where they are.
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from kling_daemon.config.addresses import TcpAddress, UnixAddress
from kling_daemon.config.sections import HandlerSettings
from kling_daemon.config.settings import Settings
from kling_daemon.durations import format_duration

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SECRET = "Secret"  # noqa: S105 - the name of a definition
_REFERENCE = {
    "description": 'Where a secret is: { file = "/path" } or { env = "VARIABLE" }; never the secret itself.',
    "type": "object",
    "properties": {"file": {"type": "string"}, "env": {"type": "string"}},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}


class _TomlSchema(GenerateJsonSchema):
    """What TOML has no word for is left out: nothing can be null there."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # A section's default is that of its keys, which say it themselves.
        if schema.get("default") is None or isinstance(schema["default"], pydantic.BaseModel):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, TcpAddress | UnixAddress):
            return str(dft)
        return super().encode_default(dft)


def config_schema(handler_types: Mapping[str, type[pydantic.BaseModel]]) -> dict[str, Any]:
    """Return the schema of a file whose handlers may have these types, each with the model of its own keys."""
    schema = _schema_of(Settings, "{model}")
    definitions = schema["$defs"]
    # Where the state is kept need not be written: it has a default that depends on where the daemon runs.
    schema.pop("required", None)
    definitions["StoreSettings"].pop("required", None)
    shared = definitions.pop(HandlerSettings.__name__)
    sections = [_hooks(shared)]
    for place, (name, model) in enumerate(sorted(handler_types.items()), start=1):
        own = _own_schema(model, f"handlers-{place}.{{model}}")  # a type's name may hold what no reference can
        definitions |= own.pop("$defs", {})
        sections.append(_instance(shared, name, own, model))
    schema["properties"]["handlers"]["additionalProperties"] = {"anyOf": sections}
    definitions[_SECRET] = _REFERENCE
    whole = {"$schema": DIALECT, **_with_references(schema), "title": "The configuration of kling-daemon"}
    return whole | {"$defs": dict(sorted(whole["$defs"].items()))}


def _hooks(shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section of the handler that a plugin's event hooks form: no type, and no keys of a plugin's own."""
    section = deepcopy(dict(shared)) | {"additionalProperties": False}
    del section["properties"]["type"]
    return section | {"title": "Event hooks", "description": "The handler that a plugin's event hooks form."}


def _instance(
    shared: Mapping[str, Any], name: str, own: Mapping[str, Any], model: type[pydantic.BaseModel]
) -> dict[str, Any]:
    """Return the section of an instance of a type: the keys that every handler has, and its plugin's own."""
    section = deepcopy(dict(shared))
    section["properties"]["type"] = {"const": name}
    return section | {
        "title": f"Handlers of type {name}",
        "description": own.get("description", f"A handler of type {name}."),
        # What every handler has is taken out before the plugin sees its own keys.
        "properties": {**own.get("properties", {}), **section["properties"]},
        "required": ["type", *own.get("required", ())],
        # As the loader does: unless the model says that it takes others, an unknown key is a mistake.
        "additionalProperties": model.model_config.get("extra", "ignore") == "allow" or not own,
    }


def _own_schema(model: type[pydantic.BaseModel], name: str) -> dict[str, Any]:
    """Return the schema of a plugin's model; nothing where it has none, so that it forbids nothing."""
    try:
        return _schema_of(model, name)
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return {}


def _schema_of(model: type[pydantic.BaseModel], name: str) -> dict[str, Any]:
    """Return a model's schema, its definitions under names that are made of the models' own."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{name}", schema_generator=_TomlSchema)
    if "$defs" in schema:
        schema["$defs"] = {name.format(model=key): value for key, value in schema["$defs"].items()}
    return schema


def _with_references(value: Any) -> Any:
    """Replace what describes a secret by what describes where one is."""
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("format") == "password":
        return {"$ref": f"#/$defs/{_SECRET}"}
    return {key: _with_references(item) for key, item in value.items()}
