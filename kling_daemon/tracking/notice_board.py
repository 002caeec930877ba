"""Where the parts of the daemon tell the operator what is wrong, and that it is over."""

from collections.abc import Callable

import structlog

from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.events import Notice, NoticeKind, notice
from kling_daemon.store import Store

log = structlog.get_logger(__name__)


def count_nothing(_kind: str, /) -> None:
    """Take no notice of a notice."""


class NoticeBoard:
    """Raises and clears notices. One that cannot be stored is logged: it must not stop what it is about."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, *, count: Callable[[str], None] = count_nothing) -> None:
        """Take where notices are kept, and the bell that tells of them. count: told of each new one's kind."""
        self._store = store
        self._bus = bus
        self._clock = clock
        self._count = count

    async def put_up(self, kind: NoticeKind, subject: str, message: str) -> bool:
        """Raise a notice, unless one of this kind is open for this subject; False when it could not be stored."""
        raised = notice(kind, subject, message, self._clock.now())
        try:
            new = await self._store.raise_notice(raised)
        except Exception as error:  # noqa: BLE001 - whatever the store's trouble, what the notice is about goes on
            log.warning("notice not stored", kind=kind.value, subject=subject, error=repr(error))
            return False
        if new:
            self.tell(raised)
        return True

    def tell(self, raised: Notice) -> None:
        """Tell of a notice that is stored."""
        log.warning("notice raised", kind=raised.kind.value, subject=raised.subject, message=raised.message)
        self._count(raised.kind.value)
        self._bus.publish([raised])

    async def open_subjects(self, kind: NoticeKind) -> set[str]:
        """Return what the open notices of this kind are about; StoreUnavailableError if that cannot be read."""
        return {one.subject for one in await self._store.read.open_notices() if one.kind is kind}

    async def take_down(self, kind: NoticeKind, subject: str) -> bool:
        """Clear a notice, if it is open; False when that could not be stored and has to be said again."""
        try:
            cleared = await self._store.clear_notice(kind, subject)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("notice not cleared", kind=kind.value, subject=subject, error=repr(error))
            return False
        if cleared:
            log.info("notice cleared", kind=kind.value, subject=subject)
        return True
