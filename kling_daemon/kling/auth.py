"""How a request proves to Kling whose it is."""

from dataclasses import dataclass
from typing import Protocol


class Credential(Protocol):
    """What makes a request ours."""

    @property
    def opens_new_generation(self) -> bool:
        """True when Kling takes it for paths of the new generation and for `GET /tasks`, too."""
        ...

    def authorization(self) -> str:
        """Return the `Authorization` header's value for a request that is sent now."""
        ...

    def hear(self, date: str | None) -> None:
        """Take note of the `Date` header of one of Kling's answers."""
        ...

    def renew(self) -> bool:
        """Make another authorization next time, for this one was refused for its time; False if there is none."""
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

    @property
    def opens_new_generation(self) -> bool:
        """True: Kling takes an API key everywhere."""
        return True

    def authorization(self) -> str:
        """Return the `Authorization` header's value."""
        return f"Bearer {self.key}"

    def hear(self, date: str | None) -> None:
        """Do nothing: a key has no time."""

    def renew(self) -> bool:
        """Return False: there is no other key."""
        return False

    def __repr__(self) -> str:
        return "ApiKey(…)"
