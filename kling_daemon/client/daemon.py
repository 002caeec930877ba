"""The client of the local API: one method for each of its routes."""

import json
import os
from http import HTTPStatus
from types import TracebackType
from typing import Self

from kling_daemon.client.callbacks import Callbacks
from kling_daemon.client.connection import Connection, segment
from kling_daemon.client.deliveries import Deliveries
from kling_daemon.client.discovery import Target, find_daemon
from kling_daemon.client.events import Events
from kling_daemon.client.jobs import Jobs
from kling_daemon.client.models import (
    HealthModel,
    MadeTokenModel,
    Page,
    PluginModel,
    ReloadedModel,
    StatsModel,
    TokenModel,
)
from kling_daemon.scopes import Scope


class Daemon(Jobs, Events, Deliveries, Callbacks):
    """A running daemon, as a program or a person sees it; an async context manager.

    Every method raises DaemonUnreachableError when nothing answers and DaemonError when the answer is a refusal.
    """

    def __init__(self, target: Target | None = None) -> None:
        """Take where it is and the token; nothing is sent before the first request.

        With no target the daemon is found as the command line finds it: by `$KLING_DAEMON_URL` and
        `$KLING_DAEMON_TOKEN`, its socket, or the configuration. Raises then what `find_daemon` raises.
        """
        if target is None:
            target = find_daemon(None, None, os.environ)
        self._connection = Connection(target)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def tokens(self) -> Page[TokenModel]:
        """Return every token of the API, without what they are."""
        return await self._connection.get("tokens", Page[TokenModel])

    async def make_token(self, name: str, scope: Scope = Scope.READ) -> MadeTokenModel:
        """Have a token made; it is told this once."""
        return await self._connection.post("tokens", {"name": name, "scope": scope.value}, MadeTokenModel)

    async def revoke_token(self, name: str) -> TokenModel:
        """Make a token good for nothing from now on."""
        return await self._connection.post(f"tokens/{segment(name)}/revoke", {}, TokenModel)

    async def plugins(self) -> Page[PluginModel]:
        """Return the plugins that the daemon found when it started."""
        return await self._connection.get("plugins", Page[PluginModel])

    async def reload(self) -> ReloadedModel:
        """Have the configuration read anew; with a mistake in it nothing changes, and the answer names every one."""
        return await self._connection.post("reload", {}, ReloadedModel)

    async def stats(self) -> StatsModel:
        """Return the daemon's numbers."""
        return await self._connection.get("stats", StatsModel)

    async def health(self) -> HealthModel:
        """Return whether the daemon does its work, and why not; no token is needed."""
        status, raw = await self._connection.exchange("GET", "readyz")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return HealthModel(ready=False, reasons=self._connection.refusal(status, raw).detail.split("; "))
        if status != HTTPStatus.OK:
            raise self._connection.refusal(status, raw)
        try:
            return HealthModel.model_validate({"reasons": []} | json.loads(raw))
        except (ValueError, TypeError) as error:
            raise self._connection.no_daemon(status) from error

    async def metrics(self) -> str:
        """Return what is counted and measured since the daemon's start, in Prometheus' text format."""
        status, raw = await self._connection.exchange("GET", "metrics")
        if status != HTTPStatus.OK:
            raise self._connection.refusal(status, raw)
        return raw.decode("utf-8", "replace")
