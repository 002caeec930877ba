"""Which lists are read, how far back, and what of them is news."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.reports import make_report

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.kling.endpoints import LEGACY_PATHS
from kling_daemon.poller.reconciliation import KEPT, NAMELESS_AFTER, OVERLAP, REACH, news_of, purpose_of
from kling_daemon.polling import Following
from kling_daemon.store import AccountRow, StoredJob
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START as NOW

VIDEO, SOLUTION = "/text-to-video/kling-3.0", "/solutions/talking_agent"
LEGACY, UNLISTED = "/v1/videos/text2video", "/v1/videos/next-year"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def purpose(*endpoints, oldest_open=NOW - HOUR, account=None, key_pair=False):
    return purpose_of(
        now=NOW, oldest_open=oldest_open, endpoints=endpoints, account=account, opens_new_generation=not key_pair
    )


@pytest.mark.parametrize(
    ("endpoints", "key_pair", "paths"),
    [
        ([VIDEO], False, ("/tasks",)),
        ([LEGACY], False, ("/tasks",)),
        ([SOLUTION], False, ("/solutions",)),
        ([VIDEO, SOLUTION], False, ("/tasks", "/solutions")),
        ([None], False, ("/tasks", "/solutions")),
        ([LEGACY, UNLISTED, VIDEO], True, (UNLISTED, LEGACY)),
        ([None], True, tuple(sorted(LEGACY_PATHS))),
    ],
)
def test_the_lists_are_those_on_which_open_jobs_may_stand(endpoints, key_pair, paths):
    assert purpose(*endpoints, key_pair=key_pair).paths == paths


def test_to_adopt_all_every_list_is_read_and_those_that_tell_the_path_first():
    account = AccountRow(first_at=NOW - DAY, adopted_until=None)
    legacy = tuple(sorted(LEGACY_PATHS))
    assert purpose(oldest_open=None, account=account).paths == (*legacy, "/tasks", "/solutions")
    assert purpose(oldest_open=None, account=account, key_pair=True).paths == legacy


def test_with_nothing_to_find_out_there_is_no_purpose():
    assert purpose(oldest_open=None) is None
    assert purpose(VIDEO, SOLUTION, key_pair=True) is None


@pytest.mark.parametrize(
    ("oldest_open", "adopted_until", "since", "adopt_from"),
    [
        (NOW - HOUR, None, NOW - 9 * DAY, NOW - 9 * DAY),
        (None, NOW - DAY, NOW - DAY - OVERLAP, NOW - DAY - OVERLAP),
        (NOW - 2 * DAY, NOW - DAY, NOW - 2 * DAY - OVERLAP, NOW - DAY - OVERLAP),
        (NOW - 99 * DAY, NOW - DAY, NOW - REACH - OVERLAP, NOW - DAY - OVERLAP),
        (None, NOW - 9 * DAY + MINUTE, NOW - 9 * DAY, NOW - 9 * DAY),
    ],
)
def test_lists_are_read_back_as_far_as_is_needed(oldest_open, adopted_until, since, adopt_from):
    account = AccountRow(first_at=NOW - 9 * DAY, adopted_until=adopted_until)
    found = purpose(VIDEO, oldest_open=oldest_open, account=account)
    assert (found.since, found.adopt_from) == (since, adopt_from)


def test_what_kling_keeps_no_longer_is_adopted_by_nobody():
    found = purpose(oldest_open=None, account=AccountRow(first_at=NOW - 400 * DAY, adopted_until=None))
    assert (found.since, found.adopt_from) == (NOW - KEPT, NOW - KEPT)


def stored(job, **following):
    return StoredJob(seq=1, job=job, following=Following(**{"callback_expected": True, **following}))


def report(state, **more):
    return make_report("t1", state, **{"updated_at": NOW - HOUR, "created_at": NOW - 2 * HOUR, **more})


def is_news(known, told, adopt_from=None):
    return bool(news_of([told], [known] if known else [], asked_at=NOW, adopt_from=adopt_from))


OPEN = make_job(task_id="t1", state=JobState.PROCESSING, reason=None, outputs=(), finished_at=None)
ENDED = make_job(task_id="t1", state=JobState.SUCCEEDED)
FAILED = replace(ENDED, state=JobState.FAILED, reason=FailureReason.OTHER)


def test_news_is_what_takes_a_job_further():
    assert is_news(stored(OPEN), report(JobState.SUCCEEDED))
    assert not is_news(stored(OPEN), report(JobState.PROCESSING))
    assert not is_news(stored(OPEN), report(JobState.SUBMITTED))
    assert not is_news(stored(OPEN), report(None))
    assert not is_news(stored(ENDED), report(JobState.SUCCEEDED))


def test_an_end_that_contradicts_is_news_once():
    assert is_news(stored(FAILED), report(JobState.SUCCEEDED))
    assert not is_news(stored(replace(FAILED, contradicted=True)), report(JobState.SUCCEEDED))


def test_what_happened_just_now_is_left_to_its_callback_unless_none_is_waited_for():
    fresh = report(JobState.SUCCEEDED, updated_at=NOW - timedelta(seconds=10))
    assert not is_news(stored(OPEN, poll_at=NOW + MINUTE), fresh)
    assert is_news(stored(OPEN, poll_at=NOW), fresh)
    assert is_news(stored(OPEN, poll_at=NOW + MINUTE, prompted=True), fresh)
    assert is_news(stored(OPEN, poll_at=NOW + MINUTE, callback_expected=False), fresh)


def test_a_job_that_waits_for_its_task_is_found_by_its_external_id_alone():
    waiting = replace(OPEN, task_id=None, external_id="mine", state=JobState.QUEUED)
    assert is_news(stored(waiting), report(JobState.SUBMITTED, external_id="mine", updated_at=NOW))
    assert not is_news(stored(waiting), report(JobState.SUBMITTED, external_id="other"))
    assert not is_news(stored(waiting), report(JobState.SUBMITTED))


def test_only_tasks_of_the_wanted_time_are_adopted():
    told = report(JobState.PROCESSING, external_id="x")
    assert not is_news(None, told)
    assert is_news(None, told, adopt_from=NOW - 2 * HOUR)
    assert not is_news(None, told, adopt_from=NOW - HOUR)
    assert not is_news(None, report(JobState.PROCESSING, external_id="x", created_at=None), adopt_from=NOW - DAY)


def test_a_task_without_an_external_id_is_adopted_when_it_can_be_none_of_ours():
    for age, adopted in ((NAMELESS_AFTER - MINUTE, False), (NAMELESS_AFTER, True)):
        assert is_news(None, report(JobState.PROCESSING, created_at=NOW - age), adopt_from=NOW - DAY) is adopted
