"""Gives every handler every event at least once, in order per job, each handler in a lane of its own."""

from kling_daemon.dispatch.dispatcher import Dispatcher
from kling_daemon.dispatch.settler import Observe
from kling_daemon.dispatch.status import HandlerStatus, Openness

__all__ = ["Dispatcher", "HandlerStatus", "Observe", "Openness"]
