"""Looks at how much room is left on the state directory's disk, and tells the operator before it is used up."""

from collections.abc import Callable
from datetime import timedelta

from kling_daemon.events import NoticeKind
from kling_daemon.store import DiskReserve
from kling_daemon.tracking import NoticeBoard

LOOK = timedelta(seconds=10)
"""How often it is measured for the operator; what is refused is decided anew each time."""

_AGAIN_ENOUGH = 1.25
"""How many times the reserve must be free until the notice goes, so that it does not come and go."""


class SpaceWatch:
    """One notice, from when the reserve is touched until there is clearly more than that. Measures and tells only."""

    def __init__(
        self, reserve: DiskReserve, board: NoticeBoard, *, measure: Callable[[int], None], account: str = "default"
    ) -> None:
        """Take what to look at and whom to tell. measure: told of the free bytes."""
        self._reserve = reserve
        self._board = board
        self._measure = measure
        self._account = account
        self._is_told: bool | None = None
        """None while it is not known whether an earlier run has left the notice open."""

    async def look(self) -> None:
        """Look once."""
        space = self._reserve.space()
        if space is None:
            return
        self._measure(space.size)
        shortage = self._reserve.shortage()
        if shortage is None:
            if self._is_told is not False and space.size >= self._reserve.reserve * _AGAIN_ENOUGH:
                self._is_told = not await self._board.take_down(NoticeKind.STORE_SPACE, self._account)
        elif not self._is_told:
            self._is_told = await self._board.put_up(
                NoticeKind.STORE_SPACE,
                self._account,
                f"{shortage[0].upper()}{shortage[1:]}. New jobs, replays and tracking are refused until there is room; "
                f"callbacks are taken as long as any is left. Make room on the disk of {self._reserve.directory}.",
            )
