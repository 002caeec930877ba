"""How Kling can be down: what is answered in place of an answer, and to which requests."""

from enum import StrEnum


class OutageAnswer(StrEnum):
    """What is answered to a request that an outage meets. Nothing was done then."""

    SERVER_ERROR = "server_error"
    """500/5000."""
    MAINTENANCE = "maintenance"
    """503/5001."""
    TIMEOUT = "timeout"
    """504/5002."""
    HTML = "html"
    """502 with a page for people, as a proxy before Kling answers."""
    DROPPED = "dropped"
    """The connection is cut without an answer."""
    SILENCE = "silence"
    """The same, after a long wait."""
    REFUSED = "refused"
    """Nobody listens: connections are refused, those that were open are cut, and result files are out of reach too."""


class OutageScope(StrEnum):
    """Which requests an outage meets."""

    ALL = "all"
    READS = "reads"
    """Queries and lists."""
    CREATES = "creates"

    def meets(self, *, creates: bool) -> bool:
        """True when a request is met that creates a job, or that only reads."""
        return self is OutageScope.ALL or creates == (self is OutageScope.CREATES)
