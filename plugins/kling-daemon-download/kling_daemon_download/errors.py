"""How a download fails."""


class DownloadError(Exception):
    """A file could not be saved now; the message says why, and another attempt goes on from where it stopped."""
