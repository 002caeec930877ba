"""What can go wrong between a client and the daemon."""


class DaemonUnreachableError(Exception):
    """No daemon answers; the message names the address that was tried."""


class DaemonUntrustedError(DaemonUnreachableError):
    """Something answers that does not prove in TLS to be the daemon; nothing was sent to it."""


class DaemonError(Exception):
    """The daemon refused a request, or what answered is no daemon."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        """Take the parts of the problem object."""
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail


class AddressError(Exception):
    """The address given for the daemon makes no sense."""
