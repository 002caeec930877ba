"""Watches how Kling answers us, and tells the operator when a person must act."""

from datetime import datetime, timedelta

import structlog

from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind, notice
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.store import Store

log = structlog.get_logger(__name__)

SILENT_AFTER = timedelta(minutes=5)
"""How long Kling may fail to answer before that is a notice."""


class KlingHealth:
    """Turns what happens on the wire into notices: one per cause, cleared when the cause goes away.

    A crash forgets nothing that matters: an open notice stays open and is cleared by the next good answer.
    """

    def __init__(self, store: Store, bus: Bus, clock: Clock, *, account: str = "default") -> None:
        """Take where notices are kept and told."""
        self._store = store
        self._bus = bus
        self._clock = clock
        self._account = account
        self._silent_since: datetime | None = None
        # An earlier run may have left any of them open.
        self._open = {NoticeKind.KLING_SILENT, NoticeKind.KLING_CREDENTIALS, NoticeKind.KLING_BALANCE}

    async def answered(self) -> None:
        """Note a good answer: Kling is there and accepts our key."""
        self._silent_since = None
        await self._clear(NoticeKind.KLING_SILENT)
        await self._clear(NoticeKind.KLING_CREDENTIALS)

    async def created(self) -> None:
        """Note a created task: the account can pay."""
        await self.answered()
        await self._clear(NoticeKind.KLING_BALANCE)

    async def failed(self, error: KlingError) -> None:
        """Note an error; raises the notice that it calls for."""
        if error.kind is ErrorKind.BALANCE:
            await self._raise(
                NoticeKind.KLING_BALANCE,
                f"Kling takes no more jobs for this account: {error}. Submissions are held; top up, and they go on.",
            )
        elif error.kind.refuses_us:
            await self._raise(
                NoticeKind.KLING_CREDENTIALS,
                f"Kling refuses us: {error}. Check the API key, the host it belongs to, and the address whitelist.",
            )
        elif error.kind.may_have_created or error.kind is ErrorKind.UNREACHABLE:
            await self._note_silence(error)

    async def _note_silence(self, error: KlingError) -> None:
        now = self._clock.now()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since >= SILENT_AFTER:
            await self._raise(
                NoticeKind.KLING_SILENT,
                f"Kling has not given a usable answer since {self._silent_since:%H:%M} UTC: {error}. "
                "Nothing is lost; jobs are polled when it answers again.",
            )

    async def _raise(self, kind: NoticeKind, message: str) -> None:
        raised = notice(kind, self._account, message, self._clock.now())
        self._open.add(kind)
        if await self._store.raise_notice(raised):
            log.error("notice raised", kind=kind.value, message=message)
            self._bus.publish([raised])

    async def _clear(self, kind: NoticeKind) -> None:
        if kind in self._open:
            self._open.discard(kind)
            if await self._store.clear_notice(kind, self._account):
                log.info("notice cleared", kind=kind.value)
