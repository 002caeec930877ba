"""A mistake in what somebody wrote is a value: where it is and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake, never with the value of a secret in it."""

    path: str
    """The key (`poller.interval`), the environment variable or the file that is wrong."""
    message: str
    """What is wrong and what to do."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"

    def as_json(self) -> dict[str, str]:
        """Return the JSON object that `config check --json` shows."""
        return {"path": self.path, "message": self.message}


def listed(problems: Sequence[Problem], where: str) -> str:
    """Return a headline that counts the mistakes and says where they are, and a line for each."""
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return "\n".join([f"{count} in {where}:", *(f"  {problem}" for problem in problems)])
