"""What all campaigns of one run are given: how thorough to be, with which dice, where, and whom to tell."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run of proofs is carried out."""

    short: bool
    """Minutes instead of an hour: fewer of everything."""
    seed: int
    """Decides everything that is left to chance, but for what the machine's own timing adds."""
    scratch: Path
    """An empty directory; what a failed campaign leaves there tells why."""
    say: Callable[[str], None]
    """Takes a line of progress."""
    in_ci: bool = False
    """What cannot be proved here is a failure, not a gap to be told of."""

    def dice(self, *subject: object) -> random.Random:
        """Return the dice for one subject: the same ones for the same seed, in whatever order they are asked for."""
        return random.Random("/".join(map(str, (self.seed, *subject))))  # noqa: S311 - repeatable is the purpose

    def folder(self, name: str) -> Path:
        """Return a new directory for one trial."""
        path = self.scratch / name
        path.mkdir(parents=True)
        return path
