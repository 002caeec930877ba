"""Hints about one job have Kling asked at once, but not as often as somebody likes to send them."""

from dataclasses import replace
from datetime import timedelta

from kling_daemon.backoff import Backoff
from kling_daemon.jobs import JobState
from kling_daemon.polling import Following
from kling_daemon.store.hint_backoff import AT_ONCE, HintBackoff
from kling_daemon.store.rows import StoredJob
from kling_daemon.testing import START, make_job

SECOND = timedelta(seconds=1)
PAUSES = Backoff(least=15 * SECOND, longest=timedelta(minutes=5))
STORED = StoredJob(
    seq=1,
    job=make_job(state=JobState.PROCESSING, task_id="t1"),
    following=Following(callback_expected=True, prompted=True, poll_at=START),
)
ID = STORED.job.id


def asked(backoff, now, stored=STORED, **note):
    backoff.note(stored, **{"is_moved": False, "is_asked": True, "now": now, **note})


def test_the_first_ones_are_asked_at_once_and_the_others_after_growing_pauses():
    backoff, now, pauses = HintBackoff(PAUSES), START, []
    for _ in range(AT_ONCE + 7):
        due = backoff.due(ID, now)
        pauses.append((due - now).total_seconds())
        now = due
        asked(backoff, now)
    assert pauses == [0] * AT_ONCE + [15, 30, 60, 120, 240, 300, 300]


def test_a_hint_after_the_pause_is_asked_at_once():
    backoff = HintBackoff(PAUSES)
    for _ in range(9):
        asked(backoff, START)
    assert backoff.due(ID, START + timedelta(hours=1)) == START + timedelta(hours=1)


def test_news_that_brings_the_job_further_begins_anew():
    backoff = HintBackoff(PAUSES)
    for _ in range(9):
        asked(backoff, START)
    asked(backoff, START, is_moved=True)
    assert backoff.due(ID, START) == START


def test_polls_that_no_hint_prompted_and_news_that_nobody_asked_for_do_not_count():
    backoff = HintBackoff(PAUSES)
    for _ in range(9):
        asked(backoff, START, replace(STORED, following=Following(callback_expected=True)))
        asked(backoff, START, is_asked=False)
    assert backoff.due(ID, START) == START


def test_a_clock_that_was_set_back_makes_no_hint_wait():
    backoff = HintBackoff(PAUSES)
    for _ in range(9):
        asked(backoff, START + timedelta(days=9))
    assert backoff.due(ID, START) == START


def test_one_job_does_not_slow_the_others_and_only_so_many_are_remembered():
    backoff = HintBackoff(PAUSES)
    for _ in range(9):
        asked(backoff, START)
    assert backoff.due("another", START) == START
    for number in range(10_000):
        asked(backoff, START, replace(STORED, job=replace(STORED.job, id=f"j{number}")))
    assert backoff.due(ID, START) == START
