"""Moments, as they are written and read."""

from datetime import UTC, datetime
from typing import Annotated

import pydantic

from kling_daemon.clock import to_rfc3339

Moment = Annotated[
    pydantic.AwareDatetime,
    pydantic.PlainSerializer(to_rfc3339, return_type=str),
    pydantic.WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""An aware moment, written as `2026-11-21T19:18:39.123Z`."""


def _moment(given: object) -> datetime:
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a moment such as 2026-11-21T19:18:39Z")


UtcMoment = Annotated[datetime, pydantic.BeforeValidator(_moment, json_schema_input_type=pydantic.AwareDatetime)]
"""A moment that a program sends, with any offset."""
