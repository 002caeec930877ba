"""One attempt at one delivery: calls the handler and says what came of it, whatever the handler does."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic_core import from_json

from kling_daemon.contexts import DeliveryContext
from kling_daemon.deliveries import Acknowledged, Delivery, Failed, Interrupted, Outcome, Postponed, Rejected
from kling_daemon.dispatch.wording import describe, innermost, one_line
from kling_daemon.handlers import Invoke, Reject, Retry
from kling_daemon.http_client import HttpRefusedError

MAX_RESULT = 1024 * 1024
"""How many bytes a result may have as JSON: it is kept for good, and shown in lists."""


class Attempt:
    """Runs in a task of its own, which it ends when the handler shows no sign of life for too long.

    Nothing that a handler raises gets past it, `SystemExit` and a `CancelledError` of its own making included.
    """

    def __init__(self, delivery: Delivery, *, timeout: float) -> None:
        """Take the delivery, and for how many seconds its handler may be silent."""
        self.delivery = delivery
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False
        self._interrupted = False

    def heartbeat(self) -> None:
        """Let the time-out count anew from now; may be called from any thread."""
        self._alive_at = self._loop.time()

    def interrupt(self) -> None:
        """Cut it off on our own account: unless the handler has ended by itself, the outcome is Interrupted."""
        self._interrupted = True
        if self._task is not None:
            self._task.cancel()

    async def run(self, invoke: Invoke, context: DeliveryContext) -> Outcome:
        """Call the handler and return the outcome; never raises."""
        if self._interrupted:
            return Interrupted()
        self._task = asyncio.current_task()
        self._alive_at = self._loop.time()
        self._timer = self._loop.call_later(self._timeout, self._check)
        try:
            result = await invoke(self.delivery.item, context)
        except BaseException as error:  # noqa: BLE001 - a handler's SystemExit must not end the daemon either
            return self._explain(innermost(error))
        else:
            return Acknowledged(result=_storable(result, context))
        finally:
            self._timer.cancel()
            self._task = None

    def _check(self) -> None:
        """End the attempt if the handler has been silent for too long; else look again when it could have been."""
        rest = self._alive_at + self._timeout - self._loop.time()
        if rest > 0:
            self._timer = self._loop.call_later(rest, self._check)
        elif self._task is not None:
            self._expired = True
            self._task.cancel()

    def _explain(self, error: BaseException) -> Outcome:
        # A plugin's subclass may have an `__init__` of its own, and a reason be anything.
        match error:
            case Retry() if isinstance(after := getattr(error, "after", None), timedelta):
                return Postponed(after=after, reason=one_line(getattr(error, "reason", error)))
            case Reject():
                return Rejected(reason=one_line(getattr(error, "reason", error)))
            case HttpRefusedError():
                return Rejected(reason=one_line(error))
            case _ if self._interrupted:
                return Interrupted()
            case _ if self._expired:
                return Failed(error=f"TimeoutError: no sign of life for {self._timeout:g} s")
            case _:
                return Failed(error=describe(error))


def _storable(result: Any, context: DeliveryContext) -> Mapping[str, Any] | None:
    """Return the result if it can be stored; the work is done, so one that cannot is left out, not tried again."""
    if result is None:
        return None
    try:
        if not isinstance(result, Mapping):
            raise TypeError(f"a handler returns a mapping or None, not {type(result).__name__}")  # noqa: TRY301 - one report for all
        text = json.dumps(dict(result), ensure_ascii=False, allow_nan=False)
        if len(text.encode()) > MAX_RESULT:
            raise ValueError(f"it is longer than {MAX_RESULT} bytes")  # noqa: TRY301 - one report for all
        # Nested deeper than this reads, it could be written nowhere either.
        stored: Mapping[str, Any] = from_json(text)
    except Exception as error:  # noqa: BLE001 - a mapping of the handler's own may raise anything
        context.log.warning("result not stored", error=describe(error))
        return None
    return stored
