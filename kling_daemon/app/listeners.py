"""The two addresses at which a daemon listens: who is let in there, how, and for how long."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from aiohttp import web

from kling_daemon.api import ApiServices, build_api
from kling_daemon.config import Address, Settings
from kling_daemon.listening import Certificate, ConnectionLimiter, Shortcut, Timeouts, listening
from kling_daemon.receiver import PlainCallbacks, build_receiver
from kling_daemon.service import API, RECEIVER, open_files
from kling_daemon.service.activation import Sockets
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import Inbox

_SHARE_OF_FILES = {RECEIVER: 0.25, API: 0.5}
"""Which part of the files that we may open is for each listener's connections; the rest is for files and requests."""

_TIMEOUTS = {RECEIVER: Timeouts(), API: Timeouts(whole=False)}
"""A create may bear pictures, and an answer be long: the API's callers have their time for the next bytes, not for all
of them."""


class Listeners:
    """Opens the addresses, each at the socket that was passed for it, else where the settings say."""

    def __init__(
        self,
        settings: Settings,
        *,
        certificates: Mapping[str, Certificate],
        sockets: Sockets,
        metrics: Metrics,
        stop_timeout: timedelta,
    ) -> None:
        """Take what each listener is given, by its name. stop_timeout: how long its requests may take to end."""
        self._settings = settings
        self._certificates = certificates
        self._sockets = sockets
        self._metrics = metrics
        self._stop_timeout = stop_timeout

    @asynccontextmanager
    async def receiver(self, inbox: Inbox) -> AsyncIterator[Address]:
        """Take callbacks for as long as the context lasts, and yield where. Raises ListenError."""
        path, max_body = self._settings.receiver.path, self._settings.receiver.max_body
        application = build_receiver(inbox, path=path, max_body=max_body)
        async with (
            PlainCallbacks.running(inbox, path=path, max_body=max_body) as plain,
            self._listening(RECEIVER, application, self._settings.receiver.listen, shortcut=plain) as served,
        ):
            yield served

    def api(self, services: ApiServices) -> AbstractAsyncContextManager[Address]:
        """Serve the local API for as long as the context lasts, and yield where. Raises ListenError."""
        return self._listening(API, build_api(services), self._settings.api.listen)

    def _listening(
        self, listener: str, application: web.Application, address: Address, shortcut: Shortcut | None = None
    ) -> AbstractAsyncContextManager[Address]:
        certificate = self._certificates.get(listener)
        return listening(
            application,
            address,
            shortcut=shortcut,
            passed=self._sockets.get(listener, ()),
            limiter=ConnectionLimiter(
                _TIMEOUTS[listener],
                most=int(open_files() * _SHARE_OF_FILES[listener]),
                on_sent_away=lambda why: self._metrics.sent_away(listener, why),
            ),
            tls=None if certificate is None else certificate.context,
            stop_timeout=self._stop_timeout,
        )
