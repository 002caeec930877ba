from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import EPOCH

from kling_daemon.durations import LONGEST
from kling_daemon.jobs import JobState
from kling_daemon.polling import Following, PollPolicy
from kling_daemon.reports import Source
from kling_daemon.testing import make_job

POLICY = PollPolicy()
durations = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=LONGEST)
jitters = st.floats(0, 1)
OPEN = make_job(state=JobState.PROCESSING)
A_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("source", [Source.CALLBACK, Source.SUBMISSION])
@given(jitter=jitters)
def test_a_job_whose_callbacks_should_come_is_left_to_them_for_a_while(source, jitter):
    due = POLICY.next_poll(source=source, callback_expected=True, polls=0, now=EPOCH, jitter=jitter)
    assert POLICY.fallback_after <= due - EPOCH <= POLICY.fallback_after * 1.1


@pytest.mark.parametrize("source", [*Source, None])
def test_a_job_without_callbacks_is_asked_for_from_the_start(source):
    due = POLICY.next_poll(source=source, callback_expected=False, polls=0, now=EPOCH, jitter=1)
    assert due - EPOCH == POLICY.interval


@pytest.mark.parametrize("source", [Source.POLL, None])
def test_once_polled_a_job_is_asked_for_ever_more_rarely(source):
    pauses = [
        POLICY.next_poll(source=source, callback_expected=True, polls=polls, now=EPOCH, jitter=1) - EPOCH
        for polls in range(1, 8)
    ]
    assert pauses == [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 240, 300, 300)]


@given(interval=durations, max_interval=durations, polls=st.integers(0, 10_000), jitter=jitters)
def test_however_often_a_job_was_asked_for_there_is_a_next_time(interval, max_interval, polls, jitter):
    policy = PollPolicy(interval=interval, max_interval=max_interval)
    due = policy.next_poll(source=None, callback_expected=True, polls=polls, now=EPOCH, jitter=jitter)
    assert timedelta(0) <= due - EPOCH <= max_interval


def after_news(before, source, *, job=OPEN, polled_at=None):
    return POLICY.after_news(before, job, source=source, polled_at=polled_at, now=EPOCH, random=lambda: 0)


def test_a_callback_shows_that_callbacks_come_and_forgets_the_polls():
    before = Following(callback_expected=False, polls=5, poll_at=EPOCH)
    assert after_news(before, Source.CALLBACK) == Following(
        callback_expected=True, poll_at=EPOCH + POLICY.fallback_after
    )


def test_a_poll_that_was_due_is_counted():
    before = Following(callback_expected=True, polls=1, poll_at=EPOCH - A_MINUTE)
    after = after_news(before, Source.POLL, polled_at=EPOCH)
    assert after.polls == 2
    assert EPOCH < after.poll_at < EPOCH + POLICY.fallback_after


def test_a_poll_that_a_hint_asked_for_counts_as_something_that_came():
    before = Following(callback_expected=True, polls=3, poll_at=EPOCH - A_MINUTE).prompted_at(
        EPOCH - A_MINUTE, OPEN, EPOCH - A_MINUTE
    )
    after = after_news(before, Source.POLL, polled_at=EPOCH)
    assert after == Following(callback_expected=True, poll_at=EPOCH + POLICY.fallback_after)


@pytest.mark.parametrize("polled_at", [None, EPOCH - A_MINUTE])
def test_a_hint_is_answered_only_by_asking_after_it_came(polled_at):
    before = Following(callback_expected=True).prompted_at(EPOCH, OPEN, EPOCH)
    after = after_news(before, Source.POLL, polled_at=polled_at)
    assert (after.prompted, after.poll_at) == (True, EPOCH)


@pytest.mark.parametrize(
    ("poll_at", "expected"),
    [
        (None, EPOCH + 2 * A_MINUTE),
        (EPOCH + A_MINUTE, EPOCH + A_MINUTE),
        (EPOCH + 3 * A_MINUTE, EPOCH + 2 * A_MINUTE),
        (EPOCH, EPOCH + 2 * A_MINUTE),  # Kling may be being asked at this moment
    ],
)
def test_a_hint_that_has_to_wait_is_content_with_a_poll_before_it(poll_at, expected):
    before = Following(callback_expected=True, poll_at=poll_at)
    assert before.prompted_at(EPOCH + 2 * A_MINUTE, OPEN, EPOCH).poll_at == expected


def test_news_does_not_hurry_a_hint_that_has_to_wait():
    before = Following(callback_expected=True, prompted=True, poll_at=EPOCH + A_MINUTE)
    after = after_news(before, Source.CALLBACK)
    assert (after.prompted, after.poll_at) == (True, EPOCH + A_MINUTE)


@pytest.mark.parametrize("before", [None, Following(callback_expected=True, prompted=True, polls=2, poll_at=EPOCH)])
@pytest.mark.parametrize("job", [make_job(state=JobState.SUCCEEDED), make_job(state=JobState.QUEUED, task_id=None)])
def test_a_job_that_has_ended_or_has_no_task_yet_is_not_asked_for(before, job):
    after = after_news(before, Source.CALLBACK, job=job)
    assert (after.prompted, after.poll_at) == (False, None)


def test_what_a_poll_finds_was_missed_only_where_callbacks_come_and_no_hint_did():
    assert Following(callback_expected=True).is_left_to_callbacks
    assert not Following(callback_expected=False).is_left_to_callbacks
    assert not Following(callback_expected=True).prompted_at(EPOCH, OPEN, EPOCH).is_left_to_callbacks


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(hours=71), None),
        (timedelta(hours=72), timedelta(hours=1)),
        (timedelta(hours=72, days=29), timedelta(hours=1)),
        (timedelta(hours=72, days=30), timedelta(days=1)),
        (timedelta(days=3000), timedelta(days=1)),
    ],
)
@given(jitter=jitters, source=st.sampled_from(Source), polled=st.booleans())
def test_an_overdue_job_is_asked_for_hourly_while_results_may_be_there_and_then_daily(
    age, pause, jitter, source, polled
):
    job, now = make_job(state=JobState.PROCESSING, created_at=EPOCH, submitted_at=EPOCH), EPOCH + age
    assert POLICY.is_overdue(job, now) is (pause is not None)
    following = POLICY.after_news(
        None, job, source=source, polled_at=now if polled else None, now=now, random=lambda: jitter
    )
    if pause is None:
        assert following.poll_at - now <= POLICY.fallback_after * 1.1
    else:
        assert pause * 0.75 <= following.poll_at - now <= pause


def test_what_has_ended_is_never_overdue():
    ended = make_job(state=JobState.SUCCEEDED, created_at=EPOCH, submitted_at=EPOCH)
    assert not POLICY.is_overdue(ended, EPOCH + timedelta(days=9))
