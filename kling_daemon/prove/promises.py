"""The daemon's promises, each as a check of the evidence: pure, so that the checks can themselves be tested.

A check yields a sentence for each thing that broke. All of them presuppose that everything was at rest.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from kling_daemon.deliveries import DeliveryState
from kling_daemon.events import EventType, JobEvent
from kling_daemon.jobs import Job, JobState
from kling_daemon.prove.evidence import Evidence
from kling_daemon.prove.witness import FOLLOWED

_COMMITTED = 200
_ENDS = (EventType.COMPLETED, EventType.FAILED)
_MOST_SHOWN = 5


def broken(evidence: Evidence) -> list[str]:
    """Return what broke, of each kind only the first few and how many more there were."""
    findings: list[str] = []
    for check in CHECKS:
        found = list(check(evidence))
        findings += found[:_MOST_SHOWN]
        if len(found) > _MOST_SHOWN:
            findings.append(f"… and {len(found) - _MOST_SHOWN} more of this kind ({check.__name__})")
    return findings


def nothing_answered_is_lost(evidence: Evidence) -> Iterator[str]:
    """A callback that was answered 200 is kept, as often as it was answered; any 2xx leads to its job's true end."""
    kept = {(row.webhook_id, row.digest): row.count for row in evidence.callbacks}
    answered = Counter((answer.webhook_id, answer.digest) for answer in evidence.answers if answer.status == _COMMITTED)
    for key, count in answered.items():
        if kept.get(key, 0) < count:
            yield f"callback {key[0] or key[1]} was answered 200 {count} times and is kept {kept.get(key, 0)} times"
    jobs = _by_task(evidence)
    for answer in evidence.answers:
        job = jobs.get(answer.task_id)
        if job is None:
            yield f"a callback of task {answer.task_id} was answered {answer.status} and no job is known"
        elif job.state.rank < JobState(answer.state).rank:
            yield f"job {job.id} is {job.state}, though a callback of {answer.state} was answered {answer.status}"


def every_job_ends_as_kling_says(evidence: Evidence) -> Iterator[str]:
    """What the daemon knows of a job at the end is what Kling has: the state, and every result file."""
    jobs = _by_task(evidence)
    for task in evidence.tasks:
        job = jobs.get(task.task_id)
        if job is None:
            continue  # nobody told the daemon of it: whether anybody did is another check's question
        if job.state != task.state:
            yield f"job {job.id} is {job.state}, its task is {task.state}"
        urls = {file.url for output in job.outputs for file in output.files}
        if urls != task.urls:
            right = len(urls & task.urls)
            yield f"job {job.id} has {len(urls)} files, {right} of them among the {len(task.urls)} of its task"
        if job.contradicted:
            yield f"job {job.id} is marked contradicted, and Kling never contradicted itself"


def every_job_has_one_history(evidence: Evidence) -> Iterator[str]:
    """A change of state happens once and upwards, each from the one before; one end, and nothing after it."""
    for job_id, events in _by_job(evidence).items():
        changes = [event for event in events if event.type is EventType.STATUS_CHANGED]
        ends = [event for event in events if event.type in _ENDS]
        states = [event.job.state for event in changes]
        ranks = [state.rank for state in states]
        if ranks != sorted(set(ranks)):
            yield f"job {job_id} changed its state as {', '.join(states)}"
        if [event.previous_state for event in changes] != [None, *states[:-1]]:
            yield f"job {job_id} has changes of state that do not join"
        if len(ends) != 1 or events[-1] is not ends[0]:
            yield f"job {job_id} has {len(ends)} ends among its {len(events)} events, or something after one"
    for key, count in Counter(event.id for event in evidence.events).items():
        if count > 1:
            yield f"event {key} is stored {count} times"
    for job in evidence.jobs:
        if not job.state.is_terminal:
            yield f"job {job.id} is still {job.state}"


def every_witness_saw_everything(evidence: Evidence) -> Iterator[str]:
    """Every handler was through with every event, in the order of its job; and with nothing that is not stored."""
    stored = {event.id: number for number, event in enumerate(evidence.events)}
    for witness, sightings in evidence.sightings.items():
        seen = {sighting.event_id for sighting in sightings if sighting.is_done}
        for event_id in stored.keys() - seen:
            yield f"{witness} never was through with event {event_id}"
        for event_id in {sighting.event_id for sighting in sightings} - stored.keys():
            yield f"{witness} was given event {event_id}, which is not stored"
        latest: dict[str, int] = {}
        for sighting in sightings:
            number = stored.get(sighting.event_id, -1)
            if number < latest.get(sighting.job_id, -1):
                yield f"{witness} was given event {sighting.event_id} after a later one of the same job"
            latest[sighting.job_id] = max(number, latest.get(sighting.job_id, -1))
    expected = len(evidence.events) * len(evidence.sightings)
    done = [delivery for delivery in evidence.deliveries if delivery.type != "notice"]
    if len(done) != expected:
        yield f"there are {len(done)} deliveries of {len(evidence.events)} events to {len(evidence.sightings)} handlers"
    for delivery in done:
        if delivery.state is not DeliveryState.DONE:
            yield f"delivery {delivery.id} to {delivery.handler} is {delivery.state}: {delivery.error}"


def nothing_is_paid_twice(evidence: Evidence) -> Iterator[str]:
    """Every order and every follow-up job became one task and one job, and there is no other."""
    tasks = Counter(task.external_id for task in evidence.tasks)
    jobs = Counter(job.external_id for job in evidence.jobs)
    told = {answer.task_id for answer in evidence.answers}
    unheard = {task.external_id for task in evidence.tasks if task.task_id not in told}
    expected = {order.external_id: order.through_daemon for order in evidence.orders} | dict.fromkeys(
        _follow_ups(evidence), True
    )
    for external_id, through_daemon in expected.items():
        if tasks[external_id] != 1:
            yield f"order {external_id} became {tasks[external_id]} tasks"
        if jobs[external_id] != 1 and (through_daemon or external_id not in unheard):
            yield f"order {external_id} became {jobs[external_id]} jobs"
    for stranger in (tasks.keys() | jobs.keys()) - expected.keys():
        yield f"nobody ordered {stranger}, of which there are {tasks[stranger]} tasks and {jobs[stranger]} jobs"


def every_follow_up_is_one_job(evidence: Evidence) -> Iterator[str]:
    """However often a handler was called with an event, what it submitted is one and the same job."""
    submitted: dict[str, set[str]] = defaultdict(set)
    for sightings in evidence.sightings.values():
        for sighting in sightings:
            if sighting.follow_up is not None:
                submitted[sighting.event_id].add(sighting.follow_up)
    for event_id, follow_ups in submitted.items():
        if len(follow_ups) != 1:
            yield f"event {event_id} led to {len(follow_ups)} follow-up jobs"


def the_database_is_whole(evidence: Evidence) -> Iterator[str]:
    """SQLite finds nothing damaged."""
    yield from (f"the database is damaged: {flaw}" for flaw in evidence.flaws)


def nothing_was_complained_of(evidence: Evidence) -> Iterator[str]:
    """No run of the daemon logged an error or a traceback."""
    yield from (f"the log says: {line[:400]}" for line in evidence.complaints)


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    nothing_answered_is_lost,
    every_job_ends_as_kling_says,
    every_job_has_one_history,
    every_witness_saw_everything,
    nothing_is_paid_twice,
    every_follow_up_is_one_job,
    the_database_is_whole,
    nothing_was_complained_of,
)


def follow_ups_due(evidence: Evidence) -> int:
    """Count the completed jobs that ask for a follow-up job."""
    return sum(
        event.type is EventType.COMPLETED and (event.job.external_id or "").endswith(FOLLOWED)
        for event in evidence.events
    )


def _follow_ups(evidence: Evidence) -> set[str]:
    """Return the ids of the follow-up jobs, which are also their external ids."""
    return {
        sighting.follow_up
        for sightings in evidence.sightings.values()
        for sighting in sightings
        if sighting.follow_up is not None
    }


def _by_task(evidence: Evidence) -> Mapping[str, Job]:
    return {job.task_id: job for job in evidence.jobs if job.task_id is not None}


def _by_job(evidence: Evidence) -> Mapping[str, list[JobEvent]]:
    events: dict[str, list[JobEvent]] = {job.id: [] for job in evidence.jobs}
    for event in evidence.events:
        events.setdefault(event.job_id, []).append(event)
    return events
