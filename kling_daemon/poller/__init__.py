"""Finds what callbacks did not bring: silence is noticed and Kling is asked."""

from kling_daemon.poller.losses import Losses
from kling_daemon.poller.poller import Poller

__all__ = ["Losses", "Poller"]
