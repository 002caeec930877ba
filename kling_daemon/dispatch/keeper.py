"""Keeps one handler open: opens it, again and again if need be, and closes it at the end."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from kling_daemon.backoff import Backoff
from kling_daemon.contexts import HandlerContext
from kling_daemon.dispatch.status import Openness
from kling_daemon.dispatch.wording import describe
from kling_daemon.events import NoticeKind
from kling_daemon.handlers import ConfiguredHandler, Invoke
from kling_daemon.tracking import NoticeBoard

REOPENING = Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=5))
"""How long to wait before a handler that could not be opened is tried again."""

CLOSE_TIMEOUT = timedelta(seconds=5)
"""How long a handler may take to close."""


class Keeper:
    """Opens and closes the handler within one and the same task, as many context managers demand.

    A handler that cannot be opened, or hangs while it is, keeps only its own deliveries waiting.
    """

    def __init__(
        self,
        handler: ConfiguredHandler,
        context: HandlerContext,
        *,
        board: NoticeBoard,
        on_open: Callable[[], None],
        random: Callable[[], float],
        reopening: Backoff = REOPENING,
        close_timeout: timedelta = CLOSE_TIMEOUT,
    ) -> None:
        """Take the handler and what it is opened with; `on_open` is called whenever it has become callable."""
        self.openness = Openness.OPENING
        self.reason: str | None = None
        """Why it could not be opened when it was last tried; None once it is open."""
        self.invoke: Invoke | None = None
        """Calls the handler; None unless it is open."""
        self._handler = handler
        self._context = context
        self._board = board
        self._on_open = on_open
        self._random = random
        self._reopening = reopening
        self.close_timeout = close_timeout
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tries = 0

    async def run(self) -> None:
        """Keep the handler open until `stop` is called; returns when it is closed, and raises nothing of its own."""
        self._task = asyncio.current_task()
        try:
            async with AsyncExitStack() as stack:
                while not await self.step(stack):
                    await self._rest(self._reopening.pause(self._tries, self._random()))
                    if self._stop.is_set():
                        return
                await self._stop.wait()
                await self._close(stack)
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
        finally:
            self.invoke = None
            self.openness = Openness.STOPPED

    def stop(self) -> None:
        """Have an open handler closed, and give up one that is not open yet; `run` then ends."""
        self._stop.set()
        if self.openness is not Openness.OPEN and self._task is not None:
            self._task.cancel()

    async def step(self, stack: AsyncExitStack) -> bool:
        """Try once to open the handler; True when it is open, to be closed with the stack."""
        self._tries += 1
        self.openness = Openness.OPENING
        try:
            _make_private(self._context)
            invoke = await stack.enter_async_context(self._handler.open(self._context))
        except BaseException as error:
            if self._is_ours(error):
                raise
            self.openness, self.reason = Openness.CLOSED, describe(error)
            self._context.log.warning("handler cannot open", error=self.reason, tries=self._tries)
            await self._board.put_up(
                NoticeKind.HANDLER_CLOSED,
                self._handler.name,
                f"The handler {self._handler.name} cannot open: {self.reason}. Its deliveries wait; it is tried again.",
            )
            return False
        self.invoke, self.openness, self.reason = invoke, Openness.OPEN, None
        self._context.log.debug("handler open")
        self._on_open()
        await self._board.take_down(NoticeKind.HANDLER_CLOSED, self._handler.name)
        return True

    async def _rest(self, pause: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await self._stop.wait()

    async def _close(self, stack: AsyncExitStack) -> None:
        self.invoke = None
        try:
            async with asyncio.timeout(self.close_timeout.total_seconds()):
                await stack.aclose()
        except BaseException as error:
            if self._is_ours(error):
                raise
            self._context.log.warning("handler did not close cleanly", error=describe(error))

    def _is_ours(self, error: BaseException) -> bool:
        """True for a cancellation of this task; a plugin's own `CancelledError` or `SystemExit` is its failure."""
        return isinstance(error, asyncio.CancelledError) and self._task is not None and self._task.cancelling() > 0


def _make_private(context: HandlerContext) -> None:
    context.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
