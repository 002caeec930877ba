"""What the daemon tells about itself: log lines and metrics."""

from kling_daemon.telemetry.logs import configure_logging
from kling_daemon.telemetry.metrics import Metrics
from kling_daemon.telemetry.rarely import Rarely

__all__ = ["Metrics", "Rarely", "configure_logging"]
