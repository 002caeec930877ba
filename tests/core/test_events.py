import json

from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import EPOCH, any_moments, jobs, queued_job, reports, words

from kling_daemon.events import SUBSCRIBABLE, EventType, JobEvent, Notice, NoticeKind, event_id, events_of, notice
from kling_daemon.jobs import JobState
from kling_daemon.reports import adopt, fold

events = st.builds(
    JobEvent,
    id=words,
    type=st.sampled_from(EventType),
    occurred_at=any_moments,
    job_id=words,
    previous_state=st.none() | st.sampled_from(JobState),
    job=jobs(),
)
notices = st.builds(
    Notice, id=words, kind=st.sampled_from(NoticeKind), subject=words, message=words, raised_at=any_moments
)


@given(event=events)
def test_an_event_comes_back_from_its_json_as_it_was(event):
    assert JobEvent.from_json(json.loads(json.dumps(event.as_json()))) == event


@given(raised=notices)
def test_a_notice_comes_back_from_its_json_as_it_was(raised):
    assert Notice.from_json(json.loads(json.dumps(raised.as_json()))) == raised


@given(report=reports())
def test_a_rise_emits_the_status_change_and_then_the_end_if_it_is_one(report):
    change = adopt(report, "default")
    emitted = events_of(change, EPOCH)
    end = {JobState.SUCCEEDED: [EventType.COMPLETED], JobState.FAILED: [EventType.FAILED]}.get(change.job.state, [])
    assert [event.type for event in emitted] == [EventType.STATUS_CHANGED, *end]
    assert {(event.previous_state, event.job_id, event.occurred_at) for event in emitted} == {
        (None, change.job.id, EPOCH)
    }


@given(report=reports(states=(None,)))
def test_what_moves_no_state_emits_nothing(report):
    assert events_of(fold(queued_job(), report), EPOCH) == ()


def test_an_event_s_id_is_the_same_again_after_a_backup_was_restored():
    assert event_id("job", EventType.FAILED, JobState.FAILED) == event_id("job", EventType.FAILED, JobState.FAILED)
    ids = {event_id(job, kind, state) for job in ("a", "b") for kind in EventType for state in JobState}
    assert len(ids) == 2 * len(EventType) * len(JobState)


def test_each_notice_is_a_fact_of_its_own():
    one, two = (notice(NoticeKind.KLING_SILENT, "default", "Kling does not answer.", EPOCH) for _ in range(2))
    assert one.id != two.id
    assert one.raised_at == EPOCH


def test_handlers_may_subscribe_to_all_event_types_and_to_notices():
    assert SUBSCRIBABLE == ("job.status_changed", "job.completed", "job.failed", "notice")


@given(item=events | notices)
def test_every_item_says_what_it_is_in_a_word_that_handlers_subscribe_to(item):
    assert item.type in SUBSCRIBABLE
    assert (item.type == "notice") == isinstance(item, Notice)
