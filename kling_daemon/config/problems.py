"""What is raised when the configuration cannot be used."""

from collections.abc import Sequence
from pathlib import Path

from kling_daemon.problems import Problem, listed


class ConfigError(Exception):
    """The configuration cannot be used; it names every mistake, not just the first."""

    def __init__(self, problems: Sequence[Problem], file: Path | None = None) -> None:
        """Take the mistakes and the file that was read; None where there was none."""
        self.problems = tuple(problems)
        self.file = file
        super().__init__(str(self))

    def __str__(self) -> str:
        source = "the environment" if self.file is None else str(self.file)
        return listed(self.problems, f"the configuration ({source})")
