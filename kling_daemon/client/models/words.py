"""Words that a newer daemon may add to: the known ones are members of their enum, any other stays plain text."""

from typing import Annotated, TypeVar

import pydantic
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema


class _KnownOnly:
    """Has the document tell of the known words alone: what this daemon answers is one of them."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known: JsonSchemaValue = handler(schema)["anyOf"][0]
        return known


Known = TypeVar("Known")

WordOf = Annotated[Known | str, pydantic.Field(union_mode="left_to_right"), _KnownOnly()]
"""`WordOf[JobState]`: a `JobState`, or text that this version knows no meaning of."""
