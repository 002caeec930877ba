"""The threads on which a handler's plain functions run, so that one that hangs harms nobody else.

They are daemon threads and not the loop's executor: a hung thread there would block name resolution, which shares it,
and the exit of the process, which waits for it.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST_HUNG = 16
"""How many threads of one handler may hang before no more are started in their place."""


class ThreadError(Exception):
    """A function ended in a way that cannot be handed on as it was."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Run:
    """One function on its way through a thread."""

    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    begun: bool = False
    finished: bool = False
    abandoned: bool = False
    """The caller went away while it ran."""
    replaced: bool = False
    """And another thread does its thread's work from now on."""


class HookThreads:
    """A fixed number of daemon threads for one handler, started when first needed."""

    def __init__(self, *, handler: str, size: int, most_hung: int = MOST_HUNG) -> None:
        self._handler = handler
        self._size = size
        self._most_hung = most_hung
        self._waiting: deque[_Run] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._hung = 0
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the idle threads end; wait for none."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def hung(self) -> int:
        """How many threads run something that nobody waits for any more."""
        return self._hung

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function on a thread and return what it returns, or raise what it raises.

        The caller's context variables hold there too. Cancelling takes a function that has not begun out of the queue;
        one that has begun cannot be stopped: its thread is given up and another one takes its place, up to a cap.
        """
        loop = asyncio.get_running_loop()
        run = _Run(function=function, loop=loop, future=loop.create_future())
        with self._changed:
            if self._closed:
                raise ThreadError("the handler's threads are closed")
            self._waiting.append(run)
            if len(self._waiting) > self._idle and self._threads < self._size:
                self._start()
            self._changed.notify()
        try:
            return await run.future  # type: ignore[no-any-return] # what the thread was given to run
        except asyncio.CancelledError:
            self._give_up(run)
            raise

    def _start(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"handler {self._handler}", daemon=True).start()

    def _give_up(self, run: _Run) -> None:
        with self._changed:
            if not run.begun:
                self._waiting.remove(run)
                return
            if run.finished:
                return
            run.abandoned = True
            self._hung += 1
            run.replaced = self._hung <= self._most_hung
            if run.replaced:
                self._threads -= 1
                if self._waiting:
                    self._start()
        if run.replaced:
            log.warning("hook does not stop, its thread is given up", handler=self._handler, hung=self._hung)
        else:
            log.error("hook does not stop, and too many threads hang", handler=self._handler, hung=self._hung)

    def _work(self) -> None:
        while (run := self._next()) is not None:
            result, error = None, None
            try:
                result = run.context.run(run.function)
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it belongs to the caller
                error = _presentable(raised)
            was_replaced = self._finish(run)
            _hand_back(run, result, error)
            if was_replaced:
                return
            del run, result, error  # while this thread waits, nothing of the last call is kept alive

    def _next(self) -> _Run | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._idle -= 1
            if not self._waiting:
                self._threads -= 1
                return None
            run = self._waiting.popleft()
            run.begun = True
            return run

    def _finish(self, run: _Run) -> bool:
        """Note that a function came back; True when another thread has taken this one's place meanwhile."""
        with self._changed:
            run.finished = True
            if run.abandoned:
                self._hung -= 1
            return run.replaced


def _hand_back(run: _Run, result: Any, error: BaseException | None) -> None:
    def settle() -> None:
        if run.future.done():
            return
        if error is not None:
            run.future.set_exception(error)
        else:
            run.future.set_result(result)

    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is going down and nobody waits
        run.loop.call_soon_threadsafe(settle)


def _presentable(error: BaseException) -> BaseException:
    """Return an exception that a future takes and that ends nothing but the call."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    replacement = ThreadError(f"the function ended with {type(error).__name__}")
    replacement.__cause__ = error
    return replacement
