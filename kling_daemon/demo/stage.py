"""The stage of a demo: simulator and daemon as processes of their own, found by their sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from kling_daemon.client import Daemon, DaemonUnreachableError, Target, find_daemon
from kling_daemon.demo.errors import DemoError
from kling_daemon.demo.kling import SimulatedKling
from kling_daemon.demo.programs import GuardedProgram
from kling_daemon.demo.scenario import Scenario
from kling_daemon.demo.workspace import Workspace

SIMULATOR, DAEMON = "simulator", "daemon"
"""What the two programs are called."""

_STARTING = timedelta(seconds=30)
_GLANCE = timedelta(milliseconds=50)
_ANSWERING = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Both programs, running, and how they are talked to."""

    simulator: GuardedProgram
    kling: SimulatedKling
    daemon: GuardedProgram
    target: Target
    """The daemon's local API."""
    receiver_url: str
    """Where the daemon takes callbacks."""


@asynccontextmanager
async def on_stage(scenario: Scenario, workspace: Workspace) -> AsyncIterator[Stage]:
    """Run both programs until the context is left, however it is left; the daemon ends first.

    Breaks off with DemoError, in an exception group, when one of them cannot start or ends by itself.
    """
    # Outermost, since its guards return only once the programs were asked to stop.
    async with asyncio.TaskGroup() as guards, AsyncExitStack() as stack:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in scenario.kling().items()]
        simulator = await stack.enter_async_context(
            GuardedProgram.running(
                SIMULATOR,
                ["simulate", "--json", "--listen=127.0.0.1:0", f"--seed={scenario.seed}", *options,
                 f"--api-key-file={workspace.api_key}", f"--secret-file={workspace.webhook_secret}"],
                guards=guards,
                log=workspace.log(SIMULATOR),
                environ={},
                announces=True,
            )
        )  # fmt: skip
        async with simulator.answering(), asyncio.timeout(_STARTING.total_seconds()):
            kling_url = SimulatedKling.url_from(await simulator.line())
        receiver_url = workspace.configure(kling_url)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=_ANSWERING))
        daemon = await stack.enter_async_context(
            GuardedProgram.running(
                DAEMON,
                ["run", f"--config={workspace.config}"],
                guards=guards,
                log=workspace.log(DAEMON),
                environ=workspace.environ(),
            )
        )
        async with daemon.answering(), asyncio.timeout(_STARTING.total_seconds()):
            target = await _answering(workspace)
        yield Stage(
            simulator=simulator,
            kling=SimulatedKling(kling_url, session),
            daemon=daemon,
            target=target,
            receiver_url=receiver_url,
        )


async def _answering(workspace: Workspace) -> Target:
    """Return the daemon, found by its configuration as a person's `--config` would, once it answers."""
    while True:
        target = find_daemon(None, workspace.config, {})
        if target.token is not None:
            try:
                async with Daemon(target) as daemon:
                    await daemon.stats()
            except DaemonUnreachableError:
                pass
            else:
                return target
        await asyncio.sleep(_GLANCE.total_seconds())


def reason_in(group: BaseExceptionGroup[BaseException]) -> DemoError | None:
    """Return why a demo broke off, best with log lines; None where it was something else than a DemoError."""
    found: list[DemoError] = []
    for error in group.exceptions:
        inner = reason_in(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(inner, DemoError):
            found.append(inner)
    return max(found, key=lambda error: bool(error.log), default=None)
