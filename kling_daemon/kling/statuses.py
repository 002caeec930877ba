"""Kling's words for how a task stands, and what its messages say about why it failed: data, not code."""

from collections.abc import Mapping

from kling_daemon.jobs import FailureReason, JobState

DELETED = "deleted"
"""What Kling calls voices and elements whose result it has removed."""

STATES: Mapping[str, JobState] = {
    "submitted": JobState.SUBMITTED,
    "processing": JobState.PROCESSING,
    "succeed": JobState.SUCCEEDED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    DELETED: JobState.FAILED,
}

PHRASES: tuple[tuple[FailureReason, tuple[str, ...]], ...] = (
    (
        FailureReason.MODERATION,
        (
            "risk control",
            "content security",
            "platform policy",
            "moderation",
            "sensitive content",
            "community guideline",
        ),
    ),
    (
        FailureReason.INPUT,
        (
            "contents of the file",
            "input image",
            "input video",
            "input audio",
            "resolution or aspect ratio",
            "failed to download",
            "failed to fetch",
        ),
    ),
)
"""What a failed task's message contains, in lower case, by reason; the first that fits counts.

Kling sends no code with a failed task. "Failure to pass the risk control system", "Something went wrong when we tried
to get the contents of the file." and "The resolution or aspect ratio of the input image is invalid. …" were seen live.
"""


def state_of(word: str) -> JobState | None:
    """Return the state that a status word of either dialect means; None for a word that we do not know."""
    return STATES.get(word) or STATES.get(word.strip().lower())


def reason_of(word: str, message: str) -> FailureReason:
    """Return why a failed task failed, as far as its status word and message tell."""
    if word.strip().lower() == DELETED:
        return FailureReason.DELETED
    said = message.lower()
    for reason, phrases in PHRASES:
        if any(phrase in said for phrase in phrases):
            return reason
    return FailureReason.OTHER
