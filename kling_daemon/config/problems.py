"""A mistake in the configuration is a value: where it is and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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


class ConfigError(Exception):
    """The configuration cannot be used; it names every mistake, not just the first."""

    def __init__(self, problems: Sequence[Problem], file: Path | None = None) -> None:
        """Take the mistakes and the file that was read; None where there was none."""
        self.problems = tuple(problems)
        self.file = file
        super().__init__(str(self))

    def __str__(self) -> str:
        source = "the environment" if self.file is None else str(self.file)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        return "\n".join([f"{count} in the configuration ({source}):", *(f"  {problem}" for problem in self.problems)])
