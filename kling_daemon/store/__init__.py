"""The store: SQLite, known to nobody else; one writer that commits in groups, and readers that page."""

from kling_daemon.store.accounts import AccountRow
from kling_daemon.store.callback_pages import CallbackFilter, CallbackPages, KeptEvidence, SecretUse
from kling_daemon.store.connection import DATABASE
from kling_daemon.store.due_times import SetBack, Waiting
from kling_daemon.store.errors import StoreError, StoreLockedError, StoreUnavailableError
from kling_daemon.store.event_pages import ALL_EVENTS, EventFilter, EventPages
from kling_daemon.store.fanout import Registration
from kling_daemon.store.hints import Hint
from kling_daemon.store.history import History, HistoryEntry, UnfinishedDelivery
from kling_daemon.store.job_pages import JobFilter, JobPages
from kling_daemon.store.news import Effect, HintWeight, News, RawCallback, Recorded
from kling_daemon.store.reader import AmbiguousReferenceError, Reader
from kling_daemon.store.replays import Replay, Replayable, Replayed
from kling_daemon.store.reserve import DiskReserve, NoRoomError, Space
from kling_daemon.store.retention import OldRows, Sweep
from kling_daemon.store.rows import StoredJob
from kling_daemon.store.shown_rows import CallbackRow, DeliveryRow, HandlerRow
from kling_daemon.store.standing import StandingClaim
from kling_daemon.store.store import Store
from kling_daemon.store.submissions import Intent, Postponement, Submission, SubmissionState
from kling_daemon.store.tokens import KnownToken
from kling_daemon.store.undelivered import Undelivered, UndeliveredPage, UndeliveredResults

__all__ = [
    "ALL_EVENTS",
    "DATABASE",
    "AccountRow",
    "AmbiguousReferenceError",
    "CallbackFilter",
    "CallbackPages",
    "CallbackRow",
    "DeliveryRow",
    "DiskReserve",
    "Effect",
    "EventFilter",
    "EventPages",
    "HandlerRow",
    "Hint",
    "HintWeight",
    "History",
    "HistoryEntry",
    "Intent",
    "JobFilter",
    "JobPages",
    "KeptEvidence",
    "KnownToken",
    "News",
    "NoRoomError",
    "OldRows",
    "Postponement",
    "RawCallback",
    "Reader",
    "Recorded",
    "Registration",
    "Replay",
    "Replayable",
    "Replayed",
    "SecretUse",
    "SetBack",
    "Space",
    "StandingClaim",
    "Store",
    "StoreError",
    "StoreLockedError",
    "StoreUnavailableError",
    "StoredJob",
    "Submission",
    "SubmissionState",
    "Sweep",
    "Undelivered",
    "UndeliveredPage",
    "UndeliveredResults",
    "UnfinishedDelivery",
    "Waiting",
]
