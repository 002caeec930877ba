"""What happens in the demo: which jobs there are, how Kling behaves, and how patient the daemon is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kling_daemon.demo.journal import EVENTS
from kling_daemon.demo.journal import NAME as JOURNAL

NEW_VIDEO = "/text-to-video/kling-3.0"
LEGACY_VIDEO = "/v1/videos/image2video"
LEGACY_IMAGE = "/v1/images/generations"
ENDPOINTS = (NEW_VIDEO, LEGACY_VIDEO, LEGACY_IMAGE)

ARCHIVE = "archive"
"""The handler that saves files: an instance of the plugin kling-daemon-download."""

HANDLERS: Mapping[str, frozenset[str]] = {ARCHIVE: frozenset({"job.completed"}), JOURNAL: EVENTS}
"""Each handler with the events that it must be given."""

_SCENES = (
    "a lighthouse in a storm",
    "a fox in fresh snow",
    "a market at dawn",
    "a glider over the Alps",
    "a tide pool",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job to be submitted."""

    endpoint: str
    body: Mapping[str, Any]
    shot: int
    """Its number in the demo, from 1; the job's tag `shot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One demo: with the same seed Kling makes the same choices for its first, second, … job."""

    seed: int
    jobs: int = 40
    failing: int = 3
    """So many jobs fail; at least four times as many must there be."""
    patience: timedelta = timedelta(minutes=2)
    """How long jobs and deliveries may take until the demo is broken off."""

    def orders(self) -> tuple[Order, ...]:
        """Return the jobs, their endpoints in turn."""
        return tuple(_order(shot) for shot in range(1, self.jobs + 1))

    def kling(self) -> Mapping[str, str | int | float]:
        """Return how the simulated Kling behaves, by the names of its settings."""
        return {
            "submitted": "200ms-800ms",
            "processing": "1s-4s",
            # More than a trial account's five and nine, for a short demo, and still too few for all jobs at once.
            "video_slots": 15,
            "image_slots": 15,
            "delay": "0s-400ms",
            "lose": 0.25,
            "duplicate": 0.25,
            "reorder": 0.15,
            "forge": 0.1,
            "fail": self.failing,
            "file_size": 256 * 1024,
        }


def _order(shot: int) -> Order:
    endpoint, scene = ENDPOINTS[(shot - 1) % len(ENDPOINTS)], _SCENES[shot % len(_SCENES)]
    body: dict[str, Any] = {"prompt": f"{scene}, shot {shot}"}
    if endpoint == LEGACY_VIDEO:
        body |= {"model_name": "kling-v2-6", "image": f"https://stills.example/{shot}.png"}
    elif endpoint == LEGACY_IMAGE:
        body |= {"model_name": "kling-v2-1", "n": 1 + shot % 2}
    return Order(endpoint=endpoint, body=body, shot=shot)
