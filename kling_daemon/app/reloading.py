"""Reading the configuration anew while the daemon runs: all that can change does, at one moment, or nothing does."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from kling_daemon.client.models import ProblemOfConfigModel, ReloadedModel
from kling_daemon.config import ConfigError, Problem, Settings
from kling_daemon.config.changes import Changes, changes, with_live_keys
from kling_daemon.config.conflicts import Conflict, conflicts
from kling_daemon.service import Notifier

log = structlog.get_logger(__name__)

Prepare = Callable[[Settings], Callable[[], Sequence[str] | None]]
"""Makes of the settings that shall be in force whatever takes time or can fail, and returns what puts it into force,
which can do neither. That returns the keys, if any, that have not changed while the files have that they name.

It is called in a thread of its own, and raises ConfigError for what it cannot use. What it returns is called on the
event loop, in the same turn as that of all other parts.
"""


Read = Callable[[], tuple[Path | None, Settings]]
"""Reads and checks everything anew; returns the file, if there is one, and what it says.

It is called in a thread of its own, and raises ConfigError with every mistake.
"""


class Reloader:
    """The loop that reloads, by one request after the other; those that come meanwhile are served by one more."""

    def __init__(self, started: Settings, read: Read, parts: Sequence[Prepare], notify: Notifier | None = None) -> None:
        """Take the settings that the daemon was started with, the parts that can change, and who is told of it."""
        self._started = self._in_force = started
        self._read = read
        self._parts = tuple(parts)
        self._notify = notify or Notifier()
        self._asked = asyncio.Event()
        self._waiting: list[asyncio.Future[ReloadedModel]] = []
        self._stopping = False

    def ask(self) -> None:
        """Have the configuration read anew soon; what comes of it is logged."""
        self._asked.set()

    async def reload(self) -> ReloadedModel:
        """Have the configuration read anew, from now on, and return what came of it."""
        future: asyncio.Future[ReloadedModel] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._asked.set()
        return await future

    async def run(self) -> None:
        """Reload as often as asked, until `stop`."""
        while not self._stopping:
            await self._asked.wait()
            if not self._stopping:
                await self.step()

    def stop(self) -> None:
        """Begin no other reload."""
        self._stopping = True
        self._asked.set()

    async def step(self) -> None:
        """Reload once, for all who have asked until now."""
        self._asked.clear()
        waiting, self._waiting = self._waiting, []
        self._notify.reloading()
        outcome = await self._reload()
        self._notify.reloaded(_remark(outcome))
        for future in waiting:
            if not future.done():  # who asked may have hung up
                future.set_result(outcome)

    async def _reload(self) -> ReloadedModel:
        try:
            new = await asyncio.to_thread(self._prepare)
        except ConfigError as error:
            return _refused(error.file, error.problems)
        except Exception as error:
            # A plugin's check of its section may raise anything.
            log.exception("configuration could not be checked")
            message = f"could not be checked: {type(error).__name__}; the daemon's log tells more"
            return _refused(None, [Problem(path="the configuration", message=message)])
        # No await from the first to the last: no callback is judged by half of it.
        files = [key for put_into_force in new.parts for key in put_into_force() or ()]
        self._in_force = new.settings
        applied, restart = [*new.changes.live, *files], list(new.changes.restart)
        if restart:
            log.warning("reloaded; some changes take a restart", applied=applied, restart=restart)
        else:
            log.info("reloaded", applied=applied)
        return ReloadedModel(file=_text(new.file), applied=applied, restart=restart, problems=[])

    def _prepare(self) -> "_Prepared":
        file, read = self._read()
        settings = with_live_keys(self._started, read)
        # What was read is sound as a whole, of which a part is left to the restart: so is the rest, alone?
        if alone := [_told(found) for found in conflicts(settings)]:
            raise ConfigError(alone, file)
        return _Prepared(
            file=file,
            settings=settings,
            changes=changes(started=self._started, in_force=self._in_force, read=read),
            parts=[prepare(settings) for prepare in self._parts],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """Everything that can fail has been done."""

    file: Path | None
    settings: Settings
    """What will be in force."""
    changes: Changes
    parts: Sequence[Callable[[], Sequence[str] | None]]


def _told(found: Conflict) -> Problem:
    message = f"{found.message}. What else was changed takes a restart: restart the daemon to have it all"
    return Problem(path=".".join(found.keys[0]), message=message)


def _refused(file: Path | None, problems: Sequence[Problem]) -> ReloadedModel:
    told = [str(problem) for problem in problems]
    log.error("reload refused: the old configuration stays", file=_text(file), problems=told)
    models = [ProblemOfConfigModel.model_validate(problem.as_json()) for problem in problems]
    return ReloadedModel(file=_text(file), applied=[], restart=[], problems=models)


def _remark(outcome: ReloadedModel) -> str | None:
    if outcome.problems:
        return f"the old configuration is in force, since the one in {outcome.file or 'the environment'} has mistakes"
    return f"a restart is needed for {', '.join(outcome.restart)}" if outcome.restart else None


def _text(file: Path | None) -> str | None:
    return None if file is None else str(file)
