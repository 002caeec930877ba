"""Whether a demo kept what the daemon promises: decided from the evidence alone, without any I/O."""

from collections import Counter
from collections.abc import Iterator

from kling_daemon.client.models import DeliveryModel
from kling_daemon.deliveries import DeliveryState
from kling_daemon.demo.evidence import Evidence
from kling_daemon.demo.journal import NAME as JOURNAL
from kling_daemon.demo.scenario import HANDLERS
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState

_TAKEN = "200"
_END = {JobState.SUCCEEDED: EventType.COMPLETED, JobState.FAILED: EventType.FAILED}


def findings(evidence: Evidence) -> tuple[str, ...]:
    """Return what broke, a sentence each; nothing when all promises were kept."""
    return (
        *_jobs(evidence),
        *_callbacks(evidence),
        *_truth(evidence),
        *_events(evidence),
        *_deliveries(evidence),
        *_files(evidence),
        *_programs(evidence),
    )


def _jobs(evidence: Evidence) -> Iterator[str]:
    """Each ordered job was done once, came to its end, and as many failed as should."""
    known, made = {job.id for job in evidence.jobs}, Counter(task.external_id for task in evidence.tasks)
    for job_id in evidence.ordered:
        if job_id not in known:
            yield f"job {job_id} was submitted and is not known"
        if made[job_id] != 1:
            yield f"job {job_id} was created {made[job_id]} times at Kling"
    if strange := known.difference(evidence.ordered):
        yield f"{len(strange)} jobs are tracked that nobody submitted"
    for job in evidence.jobs:
        if not job.has_ended:
            yield f"job {job.id} has not ended: it is {job.state}"
    failed = sum(job.state is JobState.FAILED for job in evidence.jobs)
    if failed != evidence.failing:
        yield f"{failed} jobs failed, not {evidence.failing}"


def _callbacks(evidence: Evidence) -> Iterator[str]:
    """Each true callback that was sent was taken: what polls make good must have been lost, not turned away."""
    for answer, count in sorted(evidence.answers.items()):
        if answer != _TAKEN:
            yield f"{count} true callbacks were answered {answer}"


def _truth(evidence: Evidence) -> Iterator[str]:
    """Each job is as Kling has it, whatever was lost, doubled, reordered or forged."""
    tasks = {task.id: task for task in evidence.tasks}
    for job in evidence.jobs:
        task = tasks.get(job.task_id or "")
        if task is None:
            continue  # told above
        if job.state != task.state:
            yield f"job {job.id} is {job.state} here and {task.state} at Kling"
        if {file.url for output in job.outputs for file in output.files} != {file.url for file in task.files}:
            yield f"job {job.id} has other results than Kling gave it"


def _events(evidence: Evidence) -> Iterator[str]:
    """Each job has exactly one terminal event, which says how it ended."""
    ends: dict[str, list[EventType]] = {job.id: [] for job in evidence.jobs}
    for event in evidence.events:
        if event.type is not EventType.STATUS_CHANGED:
            ends.setdefault(event.job_id, []).append(event.type)
    for job in evidence.jobs:
        told = ends[job.id]
        if job.has_ended and told != [_END[JobState(job.state)]]:
            yield f"job {job.id} {job.state} and has {len(told)} terminal events: {', '.join(told) or 'none'}"
        if not job.has_ended and told:
            yield f"job {job.id} has not ended and has a terminal event"


def _deliveries(evidence: Evidence) -> Iterator[str]:
    """Each handler was given each event that it reacts to, and is done with it; the journal's file agrees."""
    given: dict[tuple[str, str], list[DeliveryModel]] = {}
    for delivery in evidence.deliveries:
        given.setdefault((delivery.handler, delivery.item_id), []).append(delivery)
    for handler, types in HANDLERS.items():
        for event in evidence.events:
            if event.type not in types:
                continue
            match given.get((handler, event.id), []):
                case []:
                    yield f"{handler} was not given {event.type} of job {event.job_id}"
                case [delivery] if delivery.state is not DeliveryState.DONE:
                    why = f": {delivery.error}" if delivery.error else ""
                    yield f"{handler} is not done with {event.type} of job {event.job_id}, it is {delivery.state}{why}"
                case [_]:
                    pass
                case several:
                    yield f"{handler} has {len(several)} deliveries for {event.type} of job {event.job_id}"
    wanted = {event.id for event in evidence.events if event.type in HANDLERS[JOURNAL]}
    if silent := wanted.difference(evidence.heard):
        yield f"{JOURNAL} was never called with {len(silent)} of {len(wanted)} events"
    if invented := set(evidence.heard) - wanted:
        yield f"{JOURNAL} was called with {len(invented)} events that do not exist"


def _files(evidence: Evidence) -> Iterator[str]:
    """Each file that Kling made was saved, byte for byte."""
    saved = Counter((file.job_id, file.sha256, file.size) for file in evidence.saved)
    jobs = {job.task_id: job.id for job in evidence.jobs}
    made = Counter((jobs.get(task.id, ""), file.sha256, file.size) for task in evidence.tasks for file in task.files)
    for job_id, digest, size in (made - saved).elements():
        yield f"job {job_id}: a file of {size} bytes with SHA-256 {digest[:12]}… was not saved"
    for job_id, digest, size in (saved - made).elements():
        yield f"job {job_id}: the saved file of {size} bytes with SHA-256 {digest[:12]}… is not what Kling made"


def _programs(evidence: Evidence) -> Iterator[str]:
    """Both programs ended as they were asked to."""
    for program, status in evidence.exits:
        if status != 0:
            yield f"the {program} ended with status {status} when it was asked to stop"
