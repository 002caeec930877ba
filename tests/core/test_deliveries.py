from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import EPOCH

from kling_daemon.backoff import Backoff
from kling_daemon.deliveries import (
    LEAST_PAUSE,
    Acknowledged,
    DeliveryState,
    Exhausted,
    Failed,
    Interrupted,
    Outcome,
    Postponed,
    Rejected,
    RetryPolicy,
    Settlement,
    due_after_loss,
    settle,
)

pauses = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=400))
jitters = st.floats(0, 1)


def settled(outcome: Outcome, *, attempt: int = 1, age: timedelta = timedelta(), **policy: object) -> Settlement:
    return settle(
        outcome,
        attempt=attempt,
        created_at=EPOCH,
        policy=RetryPolicy(**policy),
        now=EPOCH + age,
        jitter=0.5,
    )


def test_a_handler_that_returned_is_done_with_its_result():
    settlement = settled(Acknowledged(result={"path": "a.mp4"}), attempt=3)
    assert (settlement.state, settlement.attempt, settlement.result) == (DeliveryState.DONE, 3, {"path": "a.mp4"})
    assert settlement.error is None


@pytest.mark.parametrize("attempt", range(1, 12))
def test_a_failure_is_tried_again_until_the_attempts_are_used_up(attempt):
    settlement = settled(Failed(error="boom"), attempt=attempt)
    assert (settlement.state, settlement.attempt, settlement.error) == (DeliveryState.PENDING, attempt, "boom")
    assert settlement.due_at > EPOCH


@given(attempt=st.integers(12, 100))
def test_a_delivery_whose_attempts_are_used_up_is_dead(attempt):
    settlement = settled(Failed(error="boom"), attempt=attempt)
    assert (settlement.state, settlement.attempt, settlement.error) == (DeliveryState.DEAD, attempt, "boom")


def test_a_rejected_delivery_is_dead_at_once():
    settlement = settled(Rejected(reason="no such bucket"))
    assert (settlement.state, settlement.error) == (DeliveryState.DEAD, "no such bucket")


@given(attempt=st.integers(1, 12))
def test_an_interruption_gives_the_attempt_back_and_is_due_at_once(attempt):
    settlement = settled(Interrupted(), attempt=attempt)
    assert settlement == Settlement(state=DeliveryState.PENDING, attempt=attempt - 1, due_at=EPOCH)


@given(after=st.timedeltas(min_value=LEAST_PAUSE, max_value=timedelta(days=7)))
def test_a_postponement_gives_the_attempt_back_and_waits_as_long_as_the_handler_asked(after):
    settlement = settled(Postponed(after=after, reason="later"), attempt=12)
    assert settlement == Settlement(state=DeliveryState.PENDING, attempt=11, due_at=EPOCH + after, error="later")


@pytest.mark.parametrize("after", [timedelta(), timedelta(seconds=-5), timedelta.min])
def test_a_postponement_by_nothing_does_not_spin(after):
    assert settled(Postponed(after=after, reason="now")).due_at == EPOCH + LEAST_PAUSE


@pytest.mark.parametrize("after", [timedelta(days=7, milliseconds=1), timedelta.max])
def test_a_postponement_past_the_maximum_age_is_dead_and_says_why(after):
    settlement = settled(Postponed(after=after, reason="later"))
    assert settlement.state is DeliveryState.DEAD
    assert settlement.error == "postponed past its maximum age of 7 days, 0:00:00: later"


def test_the_maximum_age_counts_from_the_delivery_s_creation():
    postponed = Postponed(after=timedelta(days=2), reason="later")
    assert settled(postponed, age=timedelta(days=5)).state is DeliveryState.PENDING
    assert settled(postponed, age=timedelta(days=6)).state is DeliveryState.DEAD


def test_a_delivery_without_an_attempt_left_is_dead_and_the_attempt_that_was_not_made_is_not_counted():
    settlement = settled(Exhausted(), attempt=13)
    assert (settlement.state, settlement.attempt) == (DeliveryState.DEAD, 12)
    assert settlement.error is not None
    assert "no attempt is left" in settlement.error


def test_an_attempt_lost_with_the_daemon_is_repeated_at_once_and_backs_off_if_that_happens_again():
    backoff = Backoff(least=timedelta(seconds=5), longest=timedelta(minutes=1))
    pauses = [due_after_loss(losses, backoff=backoff, now=EPOCH, jitter=1) - EPOCH for losses in (1, 2, 3, 12)]
    assert pauses == [timedelta(0), timedelta(seconds=5), timedelta(seconds=10), timedelta(minutes=1)]
