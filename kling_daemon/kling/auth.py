"""How a request proves to Kling whose it is."""

from dataclasses import dataclass
from typing import Protocol


class Credential(Protocol):
    """What makes a request ours."""

    def authorization(self) -> str:
        """Return the `Authorization` header's value for a request that is sent now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiKey:
    """A key from Kling's console, good for both generations; it never shows itself."""

    key: str

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a header, with a ValueError that does not quote it."""
        if not self.key:
            raise ValueError("the API key is empty")
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise ValueError("the API key holds a space, a line break or a character that is not ASCII")

    def authorization(self) -> str:
        """Return the `Authorization` header's value."""
        return f"Bearer {self.key}"

    def __repr__(self) -> str:
        return "ApiKey(…)"
