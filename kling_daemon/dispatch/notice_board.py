"""Where the lanes tell the operator what is wrong."""

import structlog

from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.dispatch.wording import describe
from kling_daemon.events import NoticeKind, notice
from kling_daemon.store import Store

log = structlog.get_logger(__name__)


class NoticeBoard:
    """Raises and clears notices. A notice that cannot be stored is logged: it must not stop what it is about."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        """Take where notices are kept, and the bell that tells of them."""
        self._store = store
        self._bus = bus
        self._clock = clock

    async def put_up(self, kind: NoticeKind, subject: str, message: str) -> None:
        """Raise a notice, unless one of this kind is open for this subject."""
        raised = notice(kind, subject, message, self._clock.now())
        try:
            if await self._store.raise_notice(raised):
                self._bus.publish([raised])
        except Exception as error:  # noqa: BLE001 - whatever the store's trouble, what the notice is about goes on
            log.warning("notice not stored", kind=kind, subject=subject, error=describe(error))

    async def take_down(self, kind: NoticeKind, subject: str) -> None:
        """Clear a notice, if it is open."""
        try:
            await self._store.clear_notice(kind, subject)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("notice not cleared", kind=kind, subject=subject, error=describe(error))
