"""What an operator may say about a downloader."""

from pathlib import Path

import pydantic

from kling_daemon.plugin import HandlerConfig
from kling_daemon_download.template import PathTemplate


class DownloadConfig(HandlerConfig):
    """The keys of `[handlers.NAME]` with `type = "download"`."""

    directory: Path
    """Where the files go; made if it is missing. A leading `~` is the home of the daemon's user."""
    path: str = "{date}/{job_id}/{index}.{ext}"
    """Where below the directory each file goes; see `PathTemplate`."""
    watermarked: bool = False
    """Also save the watermarked variant where there is one without a watermark."""
    sidecar: bool = True
    """Write a JSON record of the job and its files beside them."""
    keep_free: pydantic.ByteSize = pydantic.ByteSize(512 * 1024**2)
    """How much of the disk is left free; more than the daemon's `store.reserve`, so that downloads stop first."""

    @pydantic.field_validator("directory")
    @classmethod
    def _expand_home(cls, directory: Path) -> Path:
        try:
            return directory.expanduser()
        except RuntimeError:
            raise ValueError(f"{directory}: the home directory is not known; write the path out") from None

    @pydantic.field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        PathTemplate.parse(path)
        return path
