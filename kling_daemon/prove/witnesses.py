"""The witnesses of a campaign: installed into a daemon as a distribution, and read afterwards."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kling_daemon.prove.witness import Conduct

_METADATA = "Metadata-Version: 2.1\nName: kling-daemon-witness\nVersion: 1\n"
_ENTRY_POINTS = "[kling_daemon.plugins]\nwitness = kling_daemon.prove.witness\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSetting:
    """One configured witness."""

    name: str
    in_thread: bool = False
    takes: float = 0.0
    """Seconds that it takes for an event."""
    conduct: Conduct = Conduct.PROMPT
    depends_on: tuple[str, ...] = ()
    max_attempts: int = 12

    def section(self, folder: Path) -> dict[str, Any]:
        """Return its section of the daemon's configuration."""
        return {
            "type": "witness-in-thread" if self.in_thread else "witness",
            "record": str(folder / f"{self.name}.jsonl"),
            "takes": self.takes,
            "conduct": self.conduct.value,
            "depends_on": list(self.depends_on),
            "max_attempts": self.max_attempts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One line that a witness wrote."""

    event_id: str
    job_id: str
    is_done: bool
    """The witness was through with the event; else it had just been given it."""
    attempt: int
    follow_up: str | None
    """The id of the job that it submitted."""


def install(folder: Path) -> Mapping[str, str]:
    """Make the distribution with the witness's entry point; return the variables by which Python finds it."""
    info = folder / "kling_daemon_witness-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(_METADATA)
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), inherited] if inherited else [str(folder)])}


def sightings(folder: Path, name: str) -> tuple[Sighting, ...]:
    """Return what a witness wrote down, in its order; nothing when it was never called."""
    path = folder / f"{name}.jsonl"
    if not path.exists():
        return ()
    return tuple(
        Sighting(
            event_id=line["event"],
            job_id=line["job"],
            is_done=line["phase"] == "done",
            attempt=line["attempt"],
            follow_up=line.get("follow_up"),
        )
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    )
