"""The one writer: everything that waits while one commit runs goes into the next."""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from kling_daemon.store.connection import WriterConnection
from kling_daemon.store.errors import StoreUnavailableError

P = TypeVar("P")
R = TypeVar("R")
P_contra = TypeVar("P_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

GROUP_LIMIT = 128
"""The most units in one commit: enough to make the sync nearly free, few enough not to hold the event loop for long."""

log = structlog.get_logger(__name__)


class Operation(Protocol[P_contra, R_co]):
    """A kind of write that can serve many units with a handful of statements."""

    def __call__(self, db: sqlite3.Connection, units: Sequence[P_contra], /) -> Sequence[R_co]:
        """Apply the units in their order and return one result for each; runs inside a transaction."""
        ...


@dataclass(slots=True, eq=False)
class _Unit:
    operation: Operation[Any, Any]
    payload: Any
    outcome: asyncio.Future[Any]


class Writer:
    """Commits units in groups.

    A unit that makes its group fail is found by replaying the group one by one, so that it fails its own caller
    alone. Cancelling a waiter never cancels its unit.
    """

    def __init__(self, connection: WriterConnection, on_commit: Callable[[int, float], None]) -> None:
        """Take the connection, and whom to tell of each commit: how many units, and how many seconds."""
        self._connection = connection
        self._on_commit = on_commit
        self._waiting: deque[_Unit] = deque()
        self._bell = asyncio.Event()
        self._closing = False
        self._failed_at = -math.inf

    @property
    def seconds_since_failure(self) -> float:
        """How long ago the database refused a commit; infinite when it never has, or has taken one since."""
        return time.monotonic() - self._failed_at

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Commit for as long as the context lasts; what waits at its end is committed first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run(), name="store writer")
            try:
                yield
            finally:
                self._closing = True
                self._bell.set()

    async def write(self, operation: Operation[P, R], payload: P) -> R:
        """Return the unit's result once it is committed.

        Raises StoreUnavailableError when it could not be committed; then it has left no trace.
        """
        result: R = await self._enqueue(operation, payload)
        return result

    async def write_all(self, operation: Operation[P, R], payloads: Sequence[P]) -> list[R]:
        """Return the results of many units, each as by itself; the first failure is raised when all have ended."""
        return [_result(outcome) for outcome in await self.write_each(operation, payloads)]

    async def write_each(self, operation: Operation[P, R], payloads: Sequence[P]) -> list[R | Exception]:
        """Return what came of each of many units, its result or its failure; raises nothing."""
        try:
            outcomes = [self._enqueue(operation, payload) for payload in payloads]
        except StoreUnavailableError as error:
            return [error] * len(payloads)
        if outcomes:
            await asyncio.wait(outcomes)
        return [_outcome(outcome) for outcome in outcomes]

    def _enqueue(self, operation: Operation[Any, Any], payload: Any) -> asyncio.Future[Any]:
        if self._closing:
            raise StoreUnavailableError("the daemon is stopping")
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Unit(operation, payload, outcome))
        self._bell.set()
        return outcome

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._bell.wait()
            self._bell.clear()
            while self._waiting:
                await self.step()

    async def step(self) -> None:
        """Commit one group of what waits."""
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_LIMIT))]
        began = time.monotonic()
        try:
            results = await self._connection.transact(partial(_apply, group=group))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, every waiter must hear of it
            await self._replay(group, error)
            return
        self._failed_at = -math.inf
        self._on_commit(len(group), time.monotonic() - began)
        for unit, result in zip(group, results, strict=True):
            if not unit.outcome.done():
                unit.outcome.set_result(result)

    async def _replay(self, group: Sequence[_Unit], error: Exception) -> None:
        """Commit the units of a failed group one by one."""
        log.warning("group commit failed", units=len(group), error=f"{type(error).__name__}: {error}")
        for unit in group:
            began = time.monotonic()
            try:
                (result,) = await self._connection.transact(partial(_apply, group=[unit]))
            except Exception as unit_error:  # noqa: BLE001 - the caller gets it
                if isinstance(unit_error, sqlite3.OperationalError):
                    self._failed_at = time.monotonic()
                if not unit.outcome.done():
                    unit.outcome.set_exception(_explain(unit_error))
                    # A caller that was cancelled asks no more; without this asyncio would complain.
                    unit.outcome.exception()
            else:
                self._on_commit(1, time.monotonic() - began)
                if not unit.outcome.done():
                    unit.outcome.set_result(result)


def _apply(db: sqlite3.Connection, group: Sequence[_Unit]) -> list[Any]:
    """Apply a group, each operation once for all its units, and return the results in the group's order."""
    by_operation: dict[Operation[Any, Any], list[int]] = {}
    for index, unit in enumerate(group):
        by_operation.setdefault(unit.operation, []).append(index)
    results: list[Any] = [None] * len(group)
    for operation, indexes in by_operation.items():
        answers = operation(db, [group[index].payload for index in indexes])
        for index, answer in zip(indexes, answers, strict=True):
            results[index] = answer
    return results


def _outcome(outcome: asyncio.Future[R]) -> R | Exception:
    error = outcome.exception()
    return outcome.result() if not isinstance(error, Exception) else error


def _result(outcome: R | Exception) -> R:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _explain(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        unavailable = StoreUnavailableError(f"the database could not commit: {error}")
        unavailable.__cause__ = error
        return unavailable
    return error
