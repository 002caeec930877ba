"""What the daemon finds when this distribution is installed."""

from kling_daemon.plugin import EventType, HandlerType, hookimpl
from kling_daemon_download.config import DownloadConfig
from kling_daemon_download.handler import open_downloader


@hookimpl
def kling_register_handlers() -> list[HandlerType]:
    """Offer the handler type `download`."""
    return [
        HandlerType(
            name="download", config=DownloadConfig, open=open_downloader, events=frozenset({EventType.COMPLETED})
        )
    ]
