"""Finds what callbacks did not bring: silence is noticed and Kling is asked."""

from kling_daemon.poller.losses import Losses
from kling_daemon.poller.poller import Poller
from kling_daemon.poller.reconciler import Reconciler
from kling_daemon.poller.reconciliation import Reconciliation
from kling_daemon.poller.vanished import Series

__all__ = ["Losses", "Poller", "Reconciler", "Reconciliation", "Series"]
