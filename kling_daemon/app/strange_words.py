"""Tells the operator of status words of Kling's that nobody here knows."""

from datetime import timedelta

from kling_daemon import __version__
from kling_daemon.events import NoticeKind
from kling_daemon.tracking import NoticeBoard, Tracker

LOOK = timedelta(seconds=10)
"""How often it is looked whether any have come."""


class StrangeWords:
    """One notice for each word. Those of an earlier run are taken down: this version may know them."""

    def __init__(self, board: NoticeBoard, tracker: Tracker) -> None:
        """Take who has heard such words, and where to tell of them."""
        self._board = board
        self._tracker = tracker
        self._is_first = True

    async def look(self) -> None:
        """Tell of the words that have come since the last look."""
        if self._is_first:
            for word in await self._board.open_subjects(NoticeKind.KLING_STATUS):
                await self._board.take_down(NoticeKind.KLING_STATUS, word)
            self._is_first = False
        for word, job_id in self._tracker.take_strange_words().items():
            await self._board.put_up(
                NoticeKind.KLING_STATUS,
                word,
                f"Kling says of job {job_id} that it is {word!r}, a status that kling-daemon {__version__} does not "
                "know. It is taken for one that is no end: the job goes on, and is polled. If jobs stay "
                "like this, look for a newer version.",
            )
