"""What every answer of the daemon is: an object, or a part of a list."""

from typing import Any, Generic, TypeVar

import pydantic

CURSOR_PATTERN = "^[A-P][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]$"
"""What a cursor looks like: numbers below 2**62, in one way each."""


class Answer(pydantic.BaseModel):
    """An object that the daemon answers."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    def as_json(self) -> dict[str, Any]:
        """Return the object as the daemon wrote it."""
        return self.model_dump(mode="json")


Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None
    """The cursor of the part that follows; None at the list's end."""
