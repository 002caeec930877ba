"""The one door for plugins: everything that a plugin may import from the daemon."""

from kling_daemon.contexts import DeliveryContext, HandlerContext, Journal, Log, Submit, SubmitRefusedError
from kling_daemon.events import EventType, JobEvent, Notice, NoticeKind
from kling_daemon.handlers import Handler, HandlerConfig, HandlerType, Reject, Retry
from kling_daemon.hookspecs import hookimpl
from kling_daemon.http_client import HttpClient, HttpError, HttpRefusedError, HttpResponse
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin
from kling_daemon.outputs import Charge, Output, OutputFile

API_VERSION = "1.0"
"""Rises in its second part when something is added, in its first when something is taken away or changed."""

__all__ = [
    "API_VERSION",
    "Charge",
    "DeliveryContext",
    "EventType",
    "FailureReason",
    "Generation",
    "Handler",
    "HandlerConfig",
    "HandlerContext",
    "HandlerType",
    "HttpClient",
    "HttpError",
    "HttpRefusedError",
    "HttpResponse",
    "Job",
    "JobEvent",
    "JobState",
    "Journal",
    "Log",
    "Notice",
    "NoticeKind",
    "Origin",
    "Output",
    "OutputFile",
    "Reject",
    "Retry",
    "Submit",
    "SubmitRefusedError",
    "hookimpl",
]
