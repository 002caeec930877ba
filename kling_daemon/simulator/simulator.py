"""The simulated Kling as a whole: on a real socket, in this process or another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from kling_daemon.clock import Clock, SystemClock
from kling_daemon.simulator import control_api
from kling_daemon.simulator.changes import changed
from kling_daemon.simulator.control_api import ControlApi
from kling_daemon.simulator.courier import ROUNDS
from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.file_server import FileServer
from kling_daemon.simulator.kling_api import KlingApi
from kling_daemon.simulator.listening import listening
from kling_daemon.simulator.settings import SimulatorSettings


class Simulator:
    """A Kling that runs here. It keeps nothing: a new one knows no jobs."""

    def __init__(self, settings: SimulatorSettings | None = None, clock: Clock | None = None) -> None:
        """Behave as the settings say, by the given clock."""
        self._engine = Engine(settings or SimulatorSettings(), clock or SystemClock())

    @property
    def settings(self) -> SimulatorSettings:
        """The settings that hold now."""
        return self._engine.settings

    def change(self, **changes: Any) -> None:
        """Replace settings while it runs, in the form of the control API; ChangeError for any mistake."""
        self._engine.settings = changed(self._engine.settings, changes)

    def stats(self) -> dict[str, Any]:
        """Return what `GET /simulator/stats` answers."""
        return control_api.stats(self._engine)

    def tasks(self) -> list[dict[str, Any]]:
        """Return what `GET /simulator/tasks` answers."""
        return control_api.jobs(self._engine)

    def step(self) -> None:
        """Do at once what is due by the clock: for a clock that a test moves by hand."""
        self._engine.timeline.step()

    async def idle(self) -> None:
        """Wait until every job has ended and every callback was answered, given up or lost. Only while it serves."""
        await self._engine.pending.none()

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Listen and let jobs live until the context is left; yield the URL, without a slash at its end.

        Port 0 takes a free one. Leaving cuts every connection at once. OSError when it cannot listen. May be entered
        again after it was left: jobs are still known, and what became due meanwhile happens at once.
        """
        routes = (*KlingApi(self._engine).routes(), *FileServer(self._engine).routes())
        failure: Exception | None = None
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            listening(self._engine, (*routes, *ControlApi(self._engine).routes()), host, port) as url,
            asyncio.TaskGroup() as group,
        ):
            tasks = [group.create_task(self._engine.timeline.run(), name="simulator timeline")]
            for number in range(ROUNDS):
                round_ = self._engine.courier.run(number, session)
                tasks.append(group.create_task(round_, name=f"simulator callbacks {number}"))
            try:
                yield url
            except Exception as error:  # noqa: BLE001 - raised again below; through the group it would be wrapped
                failure = error
            finally:
                for task in tasks:
                    task.cancel()
        if failure is not None:
            raise failure
