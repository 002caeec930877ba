"""What the simulated Kling has seen and done, in numbers, so that a test can prove what happened."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One true callback that was sent, and what came of it."""

    id: str
    """The job's."""
    state: str
    """What it told."""
    webhook_id: str
    """The id under which it was signed; empty for one without a signature, which bears none."""
    sha256: str
    """Of the body."""
    answer: str
    """The HTTP status, or `unreachable`."""


@dataclass(slots=True, kw_only=True)
class Statistics:
    """Counters that only rise."""

    requests: Counter[str] = field(default_factory=Counter)
    """HTTP requests by kind: `create`, `query`, `list`, `solutions_query`, `solutions_list`, `legacy_query`,
    `legacy_list`, `costs`, `at_once`, `delete`, `file`, `unknown`."""
    refused: Counter[str] = field(default_factory=Counter)
    """Creates, queries and unknown requests that were refused, by service code; faults are not among them."""
    faults: Counter[str] = field(default_factory=Counter)
    """Requests that were answered falsely on purpose, by fault; `ambiguous` counts those whose job exists."""
    states: Counter[str] = field(default_factory=Counter)
    """How many jobs have reached each state."""
    callbacks: Counter[str] = field(default_factory=Counter)
    """`due`, and of these `lost`, `duplicated`, `reordered`, `late`; `sent` are true POSTs, `forged` false ones,
    `retried` those of the true ones that were sent again for want of a 2xx."""
    forgeries: Counter[str] = field(default_factory=Counter)
    """Forged callbacks that were sent, by kind."""
    answers: Counter[str] = field(default_factory=Counter)
    """True callbacks by the HTTP status they were answered with, or `unreachable`."""
    forgery_answers: Counter[str] = field(default_factory=Counter)
    """The same for forged ones."""
    answered: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """For each job id the states whose true callback was answered 2xx."""
    posted: list[Posted] = field(default_factory=list)
    """Every true callback, in the order of the answers."""

    def as_json(self) -> dict[str, Any]:
        """Return the counters by name, as the control API shows them."""
        return {
            "requests": dict(self.requests),
            "refused": dict(self.refused),
            "faults": dict(self.faults),
            "states": dict(self.states),
            "callbacks": dict(self.callbacks),
            "forgeries": dict(self.forgeries),
            "answers": dict(self.answers),
            "forgery_answers": dict(self.forgery_answers),
        }

    def posted_as_json(self) -> list[dict[str, str]]:
        """Return every true callback that was sent, as the control API shows them."""
        return [asdict(posted) for posted in self.posted]
