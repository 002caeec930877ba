import pytest

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.kling.statuses import PHRASES, reason_of, state_of


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("submitted", JobState.SUBMITTED),
        ("processing", JobState.PROCESSING),
        ("succeed", JobState.SUCCEEDED),
        ("succeeded", JobState.SUCCEEDED),
        ("SUCCEED", JobState.SUCCEEDED),
        ("failed", JobState.FAILED),
        ("deleted", JobState.FAILED),
        ("pending", None),
        ("", None),
    ],
)
def test_each_status_word_of_either_dialect_means_a_state(word, state):
    assert state_of(word) is state


@pytest.mark.parametrize(
    ("word", "message", "reason"),
    [
        ("failed", "Failure to pass the risk control system", FailureReason.MODERATION),
        ("failed", "FAILURE TO PASS THE RISK CONTROL SYSTEM", FailureReason.MODERATION),
        (
            "failed",
            "Something went wrong when we tried to get the contents of the file.",
            FailureReason.INPUT,
        ),
        (
            "failed",
            "The resolution or aspect ratio of the input image is invalid. Please ensure it meets the specifications.",
            FailureReason.INPUT,
        ),
        ("failed", "Service busy", FailureReason.OTHER),
        ("failed", "", FailureReason.OTHER),
        ("deleted", "Failure to pass the risk control system", FailureReason.DELETED),
    ],
)
def test_the_reason_is_told_by_the_message(word, message, reason):
    assert reason_of(word, message) is reason


def test_every_phrase_can_match():
    assert all(phrase == phrase.lower() for _, phrases in PHRASES for phrase in phrases)
