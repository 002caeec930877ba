"""Brings jobs to Kling: the intent on disk first, nothing paid twice."""

from kling_daemon.contexts import SubmitRefusedError
from kling_daemon.submission.cancelling import Canceller, NotCancellableError
from kling_daemon.submission.follow_ups import submit_for
from kling_daemon.submission.intake import Intake
from kling_daemon.submission.spool import Spool
from kling_daemon.submission.submitter import Submitter

__all__ = [
    "Canceller",
    "Intake",
    "NotCancellableError",
    "Spool",
    "SubmitRefusedError",
    "Submitter",
    "submit_for",
]
