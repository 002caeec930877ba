"""What hypothesis draws when it plays Kling: jobs, outputs, and reports in every shape that may come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from kling_daemon.clock import from_millis, to_millis
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin, Stamps
from kling_daemon.outputs import Charge, Output, OutputFile
from kling_daemon.reports import Report, Source
from kling_daemon.testing import make_job

EPOCH = datetime(2026, 9, 1, tzinfo=UTC)
KLING_STATES = (JobState.SUBMITTED, JobState.PROCESSING, JobState.SUCCEEDED, JobState.FAILED)

# Few distinct moments, so that equal update times with differing content are common.
moments = st.integers(0, 6).map(lambda minutes: EPOCH + timedelta(minutes=minutes))
any_moments = st.integers(to_millis(datetime(2020, 1, 1, tzinfo=UTC)), to_millis(datetime(2090, 1, 1, tzinfo=UTC))).map(
    from_millis
)
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)

files = st.builds(
    OutputFile,
    role=st.sampled_from(["main", "watermark"]),
    url=st.sampled_from(["https://cdn.test/1.mp4", "https://cdn.test/2.mp4"]),
    expires_at=st.none() | moments,
)
outputs = st.builds(
    Output,
    type=st.sampled_from(["video", "image", "hologram"]),
    id=st.none() | st.sampled_from(["o1", "o2"]),
    duration=st.none() | st.just("5.1"),
    files=st.lists(files, max_size=2).map(tuple),
)
charges = st.builds(
    Charge, kind=st.sampled_from(["unit", "cash"]), amount=st.sampled_from(["1", "0.5"]), unit=st.none() | words
)
failure_reasons = st.sampled_from([FailureReason.MODERATION, FailureReason.INPUT, FailureReason.OTHER])


@st.composite
def reports(draw: st.DrawFn, states: tuple[JobState | None, ...] = (*KLING_STATES, None)) -> Report:
    """Draw one believed report about task `t1`; None among the states is a status word that nobody knows."""
    state = draw(st.sampled_from(states))
    return Report(
        task_id="t1",
        external_id=draw(st.none() | st.just("e1")),
        generation=Generation.NEW,
        state=state,
        reason=draw(failure_reasons) if state is JobState.FAILED else None,
        message=draw(st.sampled_from(["", "queueing", "Failure to pass the risk control system"])),
        outputs=tuple(draw(st.lists(outputs, max_size=2))),
        cost=tuple(draw(st.lists(charges, max_size=2))),
        created_at=draw(st.none() | st.just(EPOCH)),
        updated_at=draw(st.none() | moments),
        received_at=EPOCH,
        source=draw(st.sampled_from(Source)),
        endpoint=draw(st.none() | st.just("/text-to-video/kling-3.0")),
        callback_missed=draw(st.booleans()),
    )


def histories(verdict: JobState, *, further: tuple[JobState, ...] = ()) -> st.SearchStrategy[list[Report]]:
    """Draw what Kling says of a job that ends in one way, in no order; it speaks of that end at least once."""
    before = (JobState.SUBMITTED, JobState.PROCESSING, None, verdict, *further)
    one_of_each = [reports(states=(end,)) for end in (verdict, *further)]
    return st.tuples(*one_of_each, st.lists(reports(states=before), max_size=5)).map(
        lambda drawn: [*drawn[:-1], *drawn[-1]]
    )


@st.composite
def arrivals(draw: st.DrawFn, history: list[Report]) -> list[Report]:
    """Draw an order and repetitions of a history; each arrival bears the moment at which it arrives."""
    repeated = draw(st.lists(st.sampled_from(history), max_size=3))
    order = draw(st.permutations([*history, *repeated]))
    return [replace(report, received_at=EPOCH + timedelta(seconds=second)) for second, report in enumerate(order)]


def queued_job() -> Job:
    """Return a job of our own that Kling has not yet answered for."""
    return make_job(state=JobState.QUEUED, tags={"order": "7"}, created_at=EPOCH, updated_at=EPOCH)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Draw any job that could be stored, for round trips."""
    state = draw(st.sampled_from(JobState))
    return Job(
        id=str(draw(st.uuids())),
        task_id=draw(st.none() | words),
        external_id=draw(st.none() | words),
        account=draw(words),
        generation=draw(st.sampled_from(Generation)),
        endpoint=draw(st.none() | words),
        model=draw(st.none() | words),
        state=state,
        reason=draw(st.sampled_from(FailureReason)) if state is JobState.FAILED else None,
        message=draw(words),
        outputs=tuple(draw(st.lists(outputs, max_size=3))),
        cost=tuple(draw(st.lists(charges, max_size=3))),
        tags=draw(st.dictionaries(words, words, max_size=3)),
        origin=draw(st.sampled_from(Origin)),
        created_at=draw(any_moments),
        submitted_at=draw(st.none() | any_moments),
        updated_at=draw(any_moments),
        finished_at=draw(st.none() | any_moments),
        contradicted=draw(st.booleans()),
        callback_missed=draw(st.booleans()),
        stamps=Stamps(),
    )
