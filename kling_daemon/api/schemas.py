"""JSON schemas of the models, as the document names and words them."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from kling_daemon.api.docstrings import field_docstrings, in_words_of_json
from kling_daemon.client.models import ChargeModel, FileModel, JobModel, OutputModel
from kling_daemon.jobs import Job
from kling_daemon.outputs import Charge, Output, OutputFile

_TOLD_BY: Mapping[type, type] = {JobModel: Job, OutputModel: Output, FileModel: OutputFile, ChargeModel: Charge}
"""Whose docstrings tell what the fields of a model mean, where the model has none of its own."""

REF = "#/components/schemas/"
_PAGE = re.compile(r"^Page_(\w+?)(?:Model)?_$")

Schema = dict[str, Any]


class Schemas:
    """The schemas of some models, and of whatever those refer to."""

    def __init__(self, answers: Iterable[type[pydantic.BaseModel]], orders: Iterable[type[pydantic.BaseModel]]) -> None:
        """Take the models that are answered, and those that are read."""
        modes: tuple[tuple[JsonSchemaMode, Iterable[type[pydantic.BaseModel]]], ...] = (
            ("serialization", dict.fromkeys(answers)),
            ("validation", dict.fromkeys(orders)),
        )
        wanted = [(model, mode) for mode, models in modes for model in models]
        found, definitions = models_json_schema(wanted, ref_template=REF + "{model}", schema_generator=_Generator)
        named: Schema = _renamed(definitions.get("$defs", {}))
        self.components = {_name(name): schema for name, schema in named.items()}
        self._refs: Mapping[tuple[type, str], Schema] = {key: _renamed(schema) for key, schema in found.items()}

    def answer(self, model: type[pydantic.BaseModel]) -> Schema:
        """Return the reference to a model that is answered."""
        return self._refs[model, "serialization"]

    def order(self, model: type[pydantic.BaseModel]) -> Schema:
        """Return the reference to a model that is read."""
        return self._refs[model, "validation"]

    def take(self, model: type[pydantic.BaseModel]) -> Schema:
        """Return the schema of a model that is read, and have no component of it."""
        schema: Schema = self.components.pop(self.order(model)["$ref"].removeprefix(REF))
        return schema


def schema_of(kind: Any) -> Schema:
    """Return the schema of something plain."""
    return pydantic.TypeAdapter(kind).json_schema(schema_generator=_Generator)


class _Generator(GenerateJsonSchema):
    """Writes fields' docstrings as descriptions, and no titles."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """Tell what the model and its fields mean."""
        made = super().model_schema(schema)
        made.pop("title", None)
        if made.get("additionalProperties") is True:  # it means nothing to be said
            del made["additionalProperties"]
        told_by = _TOLD_BY.get(schema["cls"], schema["cls"])
        if "description" in made:
            made["description"] = in_words_of_json(inspect.cleandoc(told_by.__doc__ or ""))
        for name, text in field_docstrings(told_by).items():
            if name in made["properties"]:
                made["properties"][name].setdefault("description", text)
        return made

    def generate_inner(self, schema: Any) -> Schema:
        """Tell what each word of an enum means."""
        made = super().generate_inner(schema)
        if schema["type"] == "enum" and "ref" in schema:
            whole = self.get_schema_from_definitions(JsonRef(made["$ref"])) or made
            told = field_docstrings(schema["cls"])
            words = [f"- `{member.value}`: {told[member.name]}" for member in schema["members"] if member.name in told]
            whole.pop("title", None)
            whole["description"] = "\n".join([inspect.cleandoc(schema["cls"].__doc__), "", *words])
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as the base class has it
        """Return False: a title would repeat the name."""
        return False


def _name(name: str) -> str:
    page = _PAGE.match(name)
    return f"{page[1]}Page" if page else name.removesuffix("Model")


def _renamed(value: Any) -> Any:
    """Return a schema in which references go by the names that the document uses."""
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: REF + _name(item.removeprefix(REF)) if key == "$ref" and isinstance(item, str) else _renamed(item)
        for key, item in value.items()
    }
