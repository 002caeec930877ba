"""What a succeeded job yields: its results, and the addresses at which their files are served."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kling_daemon.jobs import JobState
from kling_daemon.simulator.catalog import MAIN, SORTS, WATERMARK
from kling_daemon.simulator.files.addresses import signed_url
from kling_daemon.simulator.simulated_jobs import SimulatedJob

_FIRST_OF_ELEMENTS = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result of a job."""

    sort: str
    """A key of `SORTS`."""
    index: int
    """Its place among the job's results, from 0."""
    id: str
    """What `result_id` returns."""
    name: str
    """What the create called it; empty for what has no name."""
    description: str
    urls: Mapping[str, str]
    """The addresses of its files, by role."""


def file_names(job: SimulatedJob) -> list[str]:
    """Return the names of a job's files, `<job id>/<index>[-<role>].<extension>`; none unless it succeeded."""
    return [name for files in _files(job) for name in files.values()]


def results_of(job: SimulatedJob) -> list[Result]:
    """Return what a job has yielded: nothing unless it succeeded."""
    return [
        Result(
            sort=sort,
            index=index,
            id=result_id(job, index),
            name=job.order.name,
            description=job.order.description,
            urls={role: file_url(job, name) for role, name in files.items()},
        )
        for index, (sort, files) in enumerate(zip(job.order.sorts, _files(job), strict=False))
    ]


def result_id(job: SimulatedJob, index: int) -> str:
    """Return the id of a job's index-th result: 18 digits, between its job's id and the next job's; 15 of an element.

    Elements have shorter ids at Kling too: the legacy dialect tells them as numbers, and JavaScript knows 15 digits.
    """
    id_ = str(int(job.id) + 1 + index)
    return _FIRST_OF_ELEMENTS + id_[4:] if job.order.sorts[index] == "element" else id_


def file_url(job: SimulatedJob, name: str) -> str:
    """Return a file's address, which is also the permission to fetch it until the job's files expire."""
    return signed_url(job.order.host, name, job.expires_at)


def _files(job: SimulatedJob) -> Iterator[dict[str, str]]:
    """Yield for each result the names of its files by role; nothing unless the job succeeded."""
    if job.state is not JobState.SUCCEEDED:
        return
    for index, sort in enumerate(job.order.sorts):
        extensions = dict(SORTS[sort].files)
        if job.order.watermark and SORTS[sort].takes_watermark:
            extensions[WATERMARK] = extensions[MAIN]
        yield {role: f"{job.id}/{index}{role and '-'}{role}.{extension}" for role, extension in extensions.items()}
