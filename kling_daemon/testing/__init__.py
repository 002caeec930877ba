"""The test kit for plugin authors: made-up jobs and events, and a way to run a handler as the daemon does."""

from kling_daemon.config import ConfigError
from kling_daemon.deliveries import Acknowledged, Failed, Postponed, Rejected
from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.loader.calling import UnsuitableError
from kling_daemon.testing.checking import check_plugin
from kling_daemon.testing.clock import START, ManualClock
from kling_daemon.testing.recorders import LogLine, Submitted
from kling_daemon.testing.running import HandlerRun, run_handler
from kling_daemon.testing.samples import JOB_ID, make_event, make_job, make_notice, make_output

__all__ = [
    "JOB_ID",
    "LOOPBACK",
    "START",
    "Acknowledged",
    "ConfigError",
    "EgressClient",
    "Failed",
    "HandlerRun",
    "LogLine",
    "ManualClock",
    "Postponed",
    "Rejected",
    "Submitted",
    "UnsuitableError",
    "check_plugin",
    "make_event",
    "make_job",
    "make_notice",
    "make_output",
    "run_handler",
]
