"""The simulated Kling as a whole: on a real socket, in this process or another."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import aiohttp

from kling_daemon.clock import Clock, SystemClock
from kling_daemon.simulator import control_api
from kling_daemon.simulator.control_api import ControlApi
from kling_daemon.simulator.courier import ROUNDS
from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.file_server import FileServer
from kling_daemon.simulator.kling_api import KlingApi
from kling_daemon.simulator.listening import control_application, kling_application, listening
from kling_daemon.simulator.scenarios.phases import Phase
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.traffic.noting import recorded
from kling_daemon.simulator.traffic.recorder import Recorder


class Simulator:
    """A Kling that runs here. It keeps nothing: a new one knows no jobs."""

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        clock: Clock | None = None,
        *,
        phases: Sequence[Phase] = (),
        recorder: Recorder | None = None,
    ) -> None:
        """Behave as the settings say, by the given clock; in each phase, which counts from now, as that says.

        recorder: notes what it is asked, and its callbacks. ValueError if a phase contradicts the settings.
        """
        self._engine = Engine(settings or SimulatorSettings(), clock or SystemClock(), phases)
        self._engine.courier.recorder = recorder
        self._outer = () if recorder is None else (recorded(self._engine, recorder),)

    @property
    def settings(self) -> SimulatorSettings:
        """The settings that hold now."""
        return self._engine.settings

    def change(self, **changes: Any) -> None:
        """Replace settings while it runs, in the form of the control API; ChangeError for any mistake.

        What was changed so holds whatever a phase says.
        """
        self._engine.conductor.change(changes)

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
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, control: tuple[str, int] | None = None
    ) -> AsyncIterator[str]:
        """Listen and let jobs live until the context is left; yield the URL, without a slash at its end.

        control: an address at which the control API is served as well, so that it is there while connections are
        refused.
        Port 0 takes a free one. Leaving cuts every connection at once. OSError when it cannot listen. May be entered
        again after it was left: jobs are still known, and what became due meanwhile happens at once.
        """
        own = ControlApi(self._engine, stays_reachable=control is not None).routes()
        kling = (*KlingApi(self._engine).routes(), *FileServer(self._engine).routes(), *own)
        failure: Exception | None = None
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            listening(control_application(own), *control) if control else nullcontext(),
            listening(kling_application(self._engine, kling, self._outer), host, port) as (url, gate),
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(self._engine.timeline.run(), name="simulator timeline"),
                group.create_task(gate.follow(self._engine), name="simulator gate"),
            ]
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
