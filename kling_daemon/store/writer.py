"""The one writer: what comes while one commit runs, or is arriving when it ends, goes into the next."""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from kling_daemon.store.connection import WriterConnection
from kling_daemon.store.errors import NoTransactionError, StoreUnavailableError
from kling_daemon.store.troubles import is_of_the_disk, words_of
from kling_daemon.telemetry import Rarely

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
P_contra = TypeVar("P_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

GROUP_LIMIT = 128
"""The most units in one commit: enough to make the sync nearly free, few enough not to hold the event loop for long."""

_QUIET, _LONGEST_GATHERING = 3, 20
"""A group is complete when nothing has come for so many turns of the event loop, or after so many turns in all.

Turns and not time: a loop with nothing to do makes three of them in some ten microseconds.
"""

_FEW = 4
"""After a group of no more units than this the next one begins at once: there is hardly anything to gather."""

_FAILURE_COUNTS = 30.0
"""For how many seconds a failed commit counts: a daemon that is left alone while it fails must be tried again."""

_HOPELESS = 3
"""After so many units of a group that the disk has not taken by themselves, the others need not be tried.

Not after the first: where there is little room left, a small unit may find some that a large one did not.
"""

log = structlog.get_logger(__name__)


class Operation(Protocol[P_contra, R_co]):
    """A kind of write that can serve many units with a handful of statements."""

    def __call__(self, db: sqlite3.Connection, units: Sequence[P_contra], /) -> Sequence[R_co]:
        """Apply the units in their order and return one result for each; runs inside a transaction."""
        ...


class TransactionHook(Protocol):
    """What adds to every transaction, and hears what became of it before the next one begins."""

    def before_commit(self, db: sqlite3.Connection) -> None:
        """Add what belongs into the transaction, now that all its units are applied."""
        ...

    def committed(self) -> None:
        """Hear that it is on disk; must not raise."""
        ...

    def rolled_back(self) -> None:
        """Hear that nothing of it is left; must not raise."""
        ...


@dataclass(slots=True, eq=False)
class _Batch:
    """Units of one kind that came together; they wait, and are committed, as one."""

    operation: Operation[Any, Any]
    payloads: Sequence[Any]
    outcomes: asyncio.Future[list[Any]]
    """What came of each unit, its result or its failure."""


class Writer:
    """Commits units in groups.

    A unit that makes its group fail is found by replaying the group one by one, so that it fails its own caller
    alone. Cancelling a waiter never cancels its unit.
    """

    def __init__(
        self, connection: WriterConnection, hook: TransactionHook, on_commit: Callable[[int, float], None]
    ) -> None:
        """Take the connection, and whom to tell of each commit: how many units, and how many seconds."""
        self._connection = connection
        self._hook = hook
        self._on_commit = on_commit
        self._waiting: deque[_Batch] = deque()
        self._bell = asyncio.Event()
        self._closing = False
        self._failed_at = -math.inf
        self._trouble = ""
        self._is_busy = False
        self._no_transaction, self._group_failed = Rarely(), Rarely()

    def obstacles(self) -> tuple[str, ...]:
        """Say why nothing can be committed, if that is so or was so a moment ago."""
        try:
            self._connection.check_file()
        except NoTransactionError as error:
            return (str(error),)
        failing = time.monotonic() - self._failed_at < _FAILURE_COUNTS
        return (self._trouble,) if failing else ()

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
        (result,) = await self.write_all(operation, [payload])
        return result

    async def write_all(self, operation: Operation[P, R], payloads: Sequence[P]) -> list[R]:
        """Return the results of many units, each as by itself; the first failure is raised when all have ended."""
        results = []
        for outcome in await self.write_each(operation, payloads):
            if isinstance(outcome, Exception):
                raise outcome
            results.append(outcome)
        return results

    async def write_each(self, operation: Operation[P, R], payloads: Sequence[P]) -> list[R | Exception]:
        """Return what came of each of many units, its result or its failure; raises nothing."""
        if self._closing:
            return [StoreUnavailableError("the daemon is stopping") for _ in payloads]
        loop = asyncio.get_running_loop()
        batches = [
            _Batch(operation, payloads[start : start + GROUP_LIMIT], loop.create_future())
            for start in range(0, len(payloads), GROUP_LIMIT)
        ]
        self._waiting += batches
        self._bell.set()
        return [outcome for batch in batches for outcome in await batch.outcomes]

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._bell.wait()
            self._bell.clear()
            while self._waiting:
                if self._is_busy:
                    await self._gather()
                await self.step()

    async def _gather(self) -> None:
        """Let what is arriving just now come along: the larger a group, the less each of its units takes."""
        quiet, size = 0, len(self._waiting)
        for _ in range(_LONGEST_GATHERING):
            if quiet == _QUIET:
                return
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == size else 0
            size = len(self._waiting)

    async def step(self) -> None:
        """Commit one group of what waits, which must be something."""
        group = [self._waiting.popleft()]
        units = len(group[0].payloads)
        while self._waiting and units + len(self._waiting[0].payloads) <= GROUP_LIMIT:
            group.append(self._waiting.popleft())
            units += len(group[-1].payloads)
        self._is_busy = units > _FEW
        began = time.monotonic()
        try:
            outcomes = await self._transact(partial(_apply, group=group))
        except NoTransactionError as error:  # no unit is to blame, so none need be tried alone
            if (before := self._no_transaction.due()) is not None:
                log.warning("no transaction can begin", units=units, error=str(error), passed_over=before)
            self._note(str(error))
            _tell(group, [[error] * len(batch.payloads) for batch in group])
        except Exception as error:  # noqa: BLE001 - whatever went wrong, every waiter must hear of it
            if (before := self._group_failed.due()) is not None:
                said = f"{type(error).__name__}: {error}"
                log.warning("group commit failed", units=units, error=said, passed_over=before)
            _tell(group, await self._write_each_alone(group))
        else:
            # Before the hook: whoever waits, such as Kling for its answer, comes before what may follow from it.
            _tell(group, outcomes)
            self._took(units, began)

    async def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work, and what goes along with it, in one transaction."""

        def accompanied(db: sqlite3.Connection) -> T:
            result = work(db)
            self._hook.before_commit(db)
            return result

        try:
            return await self._connection.transact(accompanied)
        except BaseException:
            self._hook.rolled_back()
            raise

    async def _write_each_alone(self, group: Sequence[_Batch]) -> list[list[Any]]:
        """Commit the units of a group that failed, each by itself, unless that has turned out to be hopeless."""
        hopeless: list[Exception] = []

        async def outcome_of(operation: Operation[Any, Any], unit: Any) -> Any:
            if len(hopeless) == _HOPELESS:
                return hopeless[-1]
            outcome = await self._write_alone(operation, unit)
            if isinstance(outcome, StoreUnavailableError) and is_of_the_disk(outcome.__cause__):
                hopeless.append(outcome)
            return outcome

        return [[await outcome_of(batch.operation, unit) for unit in batch.payloads] for batch in group]

    async def _write_alone(self, operation: Operation[Any, Any], payload: Any) -> Any:
        """Commit one unit of a group that failed, and return what came of it."""
        began = time.monotonic()
        try:
            (result,) = await self._transact(lambda db: _results(operation, db, [payload]))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            explained = _explain(error, self._connection.path)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
                self._connection.damage.note(error)
                self._note(str(explained))
            return explained
        self._took(1, began)
        return result

    def _note(self, trouble: str) -> None:
        """Note why nothing could be committed."""
        self._failed_at, self._trouble = time.monotonic(), trouble

    def _took(self, units: int, began: float) -> None:
        """Note that the database has taken a transaction, and let those know who follow it."""
        self._failed_at = -math.inf
        self._on_commit(units, time.monotonic() - began)
        self._hook.committed()


def _apply(db: sqlite3.Connection, group: Sequence[_Batch]) -> list[list[Any]]:
    """Apply a group, each operation once for all its units, and return the results of each batch."""
    by_operation: dict[Operation[Any, Any], list[_Batch]] = {}
    for batch in group:
        by_operation.setdefault(batch.operation, []).append(batch)
    results: dict[_Batch, list[Any]] = {}
    for operation, batches in by_operation.items():
        answers = iter(_results(operation, db, [unit for batch in batches for unit in batch.payloads]))
        for batch in batches:
            results[batch] = list(islice(answers, len(batch.payloads)))
    return [results[batch] for batch in group]


def _results(operation: Operation[P, R], db: sqlite3.Connection, units: Sequence[P]) -> Sequence[R]:
    """Apply units; raises, so that nothing is committed, when their results would go to the wrong callers."""
    results = operation(db, units)
    if len(results) != len(units):
        raise RuntimeError(f"{operation!r} returned {len(results)} results for {len(units)} units")
    return results


def _tell(group: Sequence[_Batch], outcomes: Sequence[list[Any]]) -> None:
    for batch, outcome in zip(group, outcomes, strict=True):
        if not batch.outcomes.done():  # nobody asks any more where the waiter was cancelled
            batch.outcomes.set_result(outcome)


def _explain(error: Exception, database: Path) -> Exception:
    if isinstance(error, sqlite3.Error):
        unavailable = StoreUnavailableError(f"the database {database} cannot commit: {words_of(error, database)}")
        unavailable.__cause__ = error
        return unavailable
    return error
