"""What the daemon tells about itself: log lines and metrics."""

from kling_daemon.telemetry.logs import configure_logging
from kling_daemon.telemetry.metrics import Metrics

__all__ = ["Metrics", "configure_logging"]
