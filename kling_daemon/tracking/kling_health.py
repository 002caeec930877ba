"""Watches how Kling answers us, and tells the operator when a person must act."""

from datetime import datetime, timedelta

from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.store import StoreUnavailableError
from kling_daemon.tracking.notice_board import NoticeBoard

SILENT_AFTER = timedelta(minutes=5)
"""How long Kling may fail to answer before that is a notice."""


class KlingHealth:
    """Turns what happens on the wire into notices: one per cause, cleared when the cause goes away.

    A crash forgets nothing that matters: an open notice stays open and is cleared by the next good answer.
    """

    _KEYLESS = "new generation"
    """What the notice is about that creates wait for an API key: not the account, which Kling goes on answering."""

    def __init__(self, board: NoticeBoard, clock: Clock, *, account: str = "default") -> None:
        """Take where notices are put up. account: what they are about."""
        self._board = board
        self._clock = clock
        self._account = account
        self._refusing: set[str] | None = None
        self._silent_since: tuple[datetime, float] | None = None
        self._is_keyless = False
        self._was_keyless = True
        # An earlier run may have left any of them open.
        self._open = {NoticeKind.KLING_SILENT, NoticeKind.KLING_CREDENTIALS, NoticeKind.KLING_BALANCE}

    async def answered(self) -> None:
        """Note an answer to our key, good or not: Kling is there and knows us."""
        self._silent_since = None
        await self._clear(NoticeKind.KLING_SILENT)
        await self._clear(NoticeKind.KLING_CREDENTIALS)
        if self._was_keyless and not self._is_keyless:
            self._was_keyless = not await self._board.take_down(NoticeKind.KLING_CREDENTIALS, self._KEYLESS)

    async def created(self) -> None:
        """Note a created task: the account can pay."""
        await self.answered()
        await self._clear(NoticeKind.KLING_BALANCE)

    async def taken(self, model_path: str) -> None:
        """Note that Kling takes jobs there: at a path, or of a model where many share one path."""
        refused = await self._refused()
        if model_path in refused and await self._board.take_down(NoticeKind.KLING_REFUSED, model_path):
            refused.discard(model_path)

    async def refused(self, model_path: str, error: KlingError) -> None:
        """Note that Kling has refused a job there; raises a notice where it would refuse any other job as well."""
        refused = await self._refused()
        if not _refuses_all(error) or model_path in refused:
            return
        refused.add(model_path)
        await self._board.put_up(
            NoticeKind.KLING_REFUSED,
            model_path,
            f"Kling takes no jobs at {model_path}: {error}. The model may be retired, or the account may not use it. "
            "Jobs for it fail as `rejected`; none is billed, and none is sent again. Submit to another model.",
        )

    async def _refused(self) -> set[str]:
        if self._refusing is None:
            try:
                self._refusing = await self._board.open_subjects(NoticeKind.KLING_REFUSED)
            except StoreUnavailableError:
                return set()  # a notice must not stop what it is about
        return self._refusing

    async def failed(self, error: KlingError) -> None:
        """Note an error; raises the notice that it calls for."""
        if error.kind is ErrorKind.NO_API_KEY:
            await self._note_keyless(error)
            return
        if error.kind.may_have_created or error.kind is ErrorKind.UNREACHABLE:
            await self._note_silence(error)
        elif error.kind.refuses_us:
            await self._raise(
                NoticeKind.KLING_CREDENTIALS,
                f"Kling refuses us: {error}. Check the API key, the host it belongs to, and the address whitelist.",
            )
        else:
            await self.answered()
        if error.kind is ErrorKind.BALANCE:
            await self._raise(
                NoticeKind.KLING_BALANCE,
                f"Kling takes no more jobs for this account: {error}. Submissions are held; top up, and they go on.",
            )

    async def _note_keyless(self, error: KlingError) -> None:
        # Kling has said nothing. The key stays the same until the next start, and so does the notice.
        if not self._is_keyless:
            self._is_keyless = True
            await self._board.put_up(
                NoticeKind.KLING_CREDENTIALS,
                self._KEYLESS,
                f"Creates wait for an API key: {error}. Set kling.api_key or KLING_API_KEY and start again, or give "
                "them up with `kling-daemon jobs cancel`.",
            )

    async def _note_silence(self, error: KlingError) -> None:
        # Measured by the clock that never jumps, told by the one on the wall.
        if self._silent_since is None:
            self._silent_since = self._clock.now(), self._clock.monotonic()
        since, began = self._silent_since
        if self._clock.monotonic() - began >= SILENT_AFTER.total_seconds():
            await self._raise(
                NoticeKind.KLING_SILENT,
                f"Kling has not given a usable answer since {since:%Y-%m-%d %H:%M} UTC: {error}. "
                "Nothing is lost; jobs are polled when it answers again.",
            )

    async def _raise(self, kind: NoticeKind, message: str) -> None:
        self._open.add(kind)
        await self._board.put_up(kind, self._account, message)

    async def _clear(self, kind: NoticeKind) -> None:
        if kind in self._open and await self._board.take_down(kind, self._account):
            self._open.discard(kind)


def _refuses_all(error: KlingError) -> bool:
    """Return whether an error is about a path or model, and not about what else the refused request said."""
    if error.kind is ErrorKind.BAD_REQUEST:
        return "model" in error.message.lower()
    return error.kind in (ErrorKind.PERMISSION, ErrorKind.NO_SUCH_RESOURCE)
