"""The public listener: it takes callbacks and answers whether it is alive, and knows nothing else."""

from kling_daemon.receiver.app import HEALTH_PATH, build_receiver
from kling_daemon.receiver.plain_callbacks import PlainCallbacks

__all__ = ["HEALTH_PATH", "PlainCallbacks", "build_receiver"]
