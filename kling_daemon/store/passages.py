"""How far the work on a whole table has come that is done a few rows at a time, so that nobody waits for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What came of one transaction of it."""

    changed: int
    """How many rows were removed or changed."""
    after: int | None
    """Where to go on; None when there is nothing more to do."""
