"""A bus that loses every ring, to prove that nothing else is lost with them."""

from collections.abc import Iterable

from kling_daemon.bus import Bus
from kling_daemon.events import Item


class SilentBus(Bus):
    """Takes listeners and bells, and tells none of them."""

    def publish(self, items: Iterable[Item]) -> None:
        """Tell nobody."""
