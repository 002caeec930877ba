"""Finds what callbacks did not bring: silence is noticed and Kling is asked."""

from kling_daemon.poller.hint_follower import HintFollower
from kling_daemon.poller.losses import Losses
from kling_daemon.poller.named_tasks import Finding, Named, NamedTask, NamedTasks
from kling_daemon.poller.poller import Poller
from kling_daemon.poller.reconciler import Reconciler
from kling_daemon.poller.reconciliation import Reconciliation
from kling_daemon.poller.vanished import Series

__all__ = [
    "Finding",
    "HintFollower",
    "Losses",
    "Named",
    "NamedTask",
    "NamedTasks",
    "Poller",
    "Reconciler",
    "Reconciliation",
    "Series",
]
