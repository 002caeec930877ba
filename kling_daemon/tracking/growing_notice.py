"""One notice about many things of a kind, told again when there are twice as many."""

from kling_daemon.events import NoticeKind
from kling_daemon.tracking.notice_board import NoticeBoard


class GrowingNotice:
    """A notice that says how many there are; one that an earlier run left open stays, until there are none.

    It is told anew each time the number has doubled, so that whoever is told hears how bad it is, and not all the time.
    """

    def __init__(self, board: NoticeBoard, kind: NoticeKind, subject: str) -> None:
        """Take where it is put up."""
        self._board = board
        self._kind = kind
        self._subject = subject
        self._told: int | None = None
        """The number that was told last; None while it is not known whether one is open."""

    async def tell(self, count: int, message: str) -> None:
        """Put the notice up, leave it as it is, or take it down, by how many there are now."""
        if not count:
            if self._told != 0 and await self._board.take_down(self._kind, self._subject):
                self._told = 0
            return
        if self._told and count >= 2 * self._told:
            await self._board.take_down(self._kind, self._subject)
        elif self._told:
            return
        await self._board.put_up(self._kind, self._subject, message)
        self._told = count
