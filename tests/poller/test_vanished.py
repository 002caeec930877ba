"""Series are counted for a bounded number of jobs, and a series is looked into once in so long a time."""

from datetime import timedelta

from kling_daemon.jobs import JobState
from kling_daemon.poller.vanished import LIMIT, Vanished
from kling_daemon.polling import Following
from kling_daemon.store import StoredJob
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import ManualClock

GRACE = timedelta(minutes=10)


def stored(number=1, polls=1):
    job = make_job(id=f"{number}", task_id=f"t{number}", state=JobState.PROCESSING)
    return StoredJob(seq=number, job=job, following=Following(callback_expected=False, polls=polls))


def test_a_series_is_looked_into_after_three_answers_and_the_grace_and_then_after_as_long_again():
    clock, looks = ManualClock(), []
    vanished = Vanished(clock, GRACE)
    for minute in range(25):
        if vanished.unknown([stored(polls=minute)], clock.now()):
            looks.append(minute)
            vanished.looked_into("1", "doubtful")
        clock.advance(timedelta(minutes=1))
    assert looks == [10, 20]
    assert (vanished.of("1").answers, vanished.of("1").finding) == (25, "doubtful")


def test_three_answers_it_takes_however_long_it_has_been():
    clock = ManualClock()
    vanished = Vanished(clock, GRACE)
    ripe = []
    for polls in range(3):
        ripe.append(vanished.unknown([stored(polls=polls)], clock.now()) != [])
        clock.advance(timedelta(days=1))
    assert ripe == [False, False, True]


def test_what_is_known_in_between_or_was_called_back_begins_anew():
    clock = ManualClock()
    vanished = Vanished(clock, GRACE)
    for polls in (1, 2):
        vanished.unknown([stored(polls=polls)], clock.now())
    vanished.unknown([stored(polls=0)], clock.now())
    assert vanished.of("1").answers == 1
    vanished.known(["1"])
    assert vanished.of("1") is None


def test_so_many_series_are_kept_and_no_more():
    vanished = Vanished(ManualClock(), GRACE)
    vanished.unknown([stored(number) for number in range(LIMIT + 5)], ManualClock().now())
    assert vanished.of(f"{LIMIT - 1}") is not None
    assert vanished.of(f"{LIMIT}") is None
    vanished.known(["1"])
    vanished.unknown([stored(LIMIT)], ManualClock().now())
    assert vanished.of(f"{LIMIT}") is not None
    vanished.begin_anew()
    assert vanished.of("2") is None
