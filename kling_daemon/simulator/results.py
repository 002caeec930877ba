"""What a succeeded job yields: its results, and the addresses at which their files are served."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from kling_daemon.clock import EPOCH
from kling_daemon.jobs import JobState
from kling_daemon.simulator.simulated_jobs import SimulatedJob

PREFIX = "/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One video or image."""

    id: str
    """18 digits, between its job's id and the next job's."""
    url: str
    watermark_url: str | None
    """The second file's address; None when none was asked for."""


def file_names(job: SimulatedJob) -> list[str]:
    """Return the names of a job's files, `<job id>/<index>[-wm].<mp4|png>`; none unless it succeeded."""
    if job.state is not JobState.SUCCEEDED:
        return []
    extension = "png" if job.order.images else "mp4"
    marks = ("", "-wm") if job.order.watermark else ("",)
    return [f"{job.id}/{index}{mark}.{extension}" for index in range(job.order.images or 1) for mark in marks]


def results_of(job: SimulatedJob) -> list[Result]:
    """Return what a job has yielded: nothing unless it succeeded."""
    urls = [file_url(job, name) for name in file_names(job)]
    step = 2 if job.order.watermark else 1
    return [
        Result(
            id=str(int(job.id) + 1 + index),
            url=urls[index * step],
            watermark_url=urls[index * step + 1] if job.order.watermark else None,
        )
        for index in range(len(urls) // step)
    ]


def file_url(job: SimulatedJob, name: str) -> str:
    """Return a file's address, which is also the permission to fetch it until `ksTime` (hex unix seconds)."""
    time = ks_time(job.expires_at)
    return f"{job.order.host}{PREFIX}{name}?ksSecret={ks_secret(name, time)}&ksTime={time}"


def ks_time(moment: datetime) -> str:
    """Return a moment as Kling writes it into result URLs."""
    return f"{int((moment - EPOCH).total_seconds()):x}"


def ks_secret(name: str, time: str) -> str:
    """Return what makes an address with another name or another time worthless. It protects nothing of value."""
    return hashlib.sha256(f"{name}?{time}".encode()).hexdigest()[:32]
