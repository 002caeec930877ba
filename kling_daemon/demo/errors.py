"""What can keep the demo from being carried through."""


class DemoError(Exception):
    """The demo cannot be carried through; the message says why, for people."""

    def __init__(self, message: str, *, log: tuple[str, ...] = ()) -> None:
        """Take the reason, and the last log lines of the process that it lies in."""
        super().__init__(message)
        self.log = log
