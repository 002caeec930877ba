"""Everything by which a demo is judged, collected from all who took part."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kling_daemon.client.models import DeliveryModel, JobModel
from kling_daemon.demo.kling import KlingTask
from kling_daemon.events import JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """A downloaded file as it was found on disk."""

    job_id: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What each side knows at the end; nobody's word is taken for another's."""

    ordered: tuple[str, ...]
    """The ids of the jobs that were submitted."""
    failing: int
    """How many of them Kling was told to fail."""
    tasks: tuple[KlingTask, ...]
    """What Kling did."""
    answers: Mapping[str, int]
    """How often each HTTP status was the answer to a true callback."""
    jobs: tuple[JobModel, ...]
    """What the daemon tells about its jobs."""
    events: tuple[JobEvent, ...]
    """What is in the daemon's database, read when it had ended."""
    deliveries: tuple[DeliveryModel, ...]
    heard: tuple[str, ...]
    """The ids of the events that the journal was called with."""
    saved: tuple[SavedFile, ...]
    """What is on disk, digests computed anew."""
    exits: tuple[tuple[str, int], ...]
    """Each program and the status with which it ended."""
