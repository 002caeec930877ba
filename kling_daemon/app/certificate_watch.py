"""Takes new certificates for the listeners when their files change, and tells of those that are no good or end."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from kling_daemon.app.certificates import doubt
from kling_daemon.clock import Clock
from kling_daemon.config import ConfigError, Problem, Settings
from kling_daemon.events import NoticeKind
from kling_daemon.listening import Certificate, CertificateError
from kling_daemon.tracking import NoticeBoard

LOOK = timedelta(seconds=10)
"""How often it is looked whether the files have changed."""

_UNKNOWN = "what an earlier run has told"

log = structlog.get_logger(__name__)


class CertificateWatch:
    """One notice for each listener whose certificate needs a person; it goes when a usable one is in use."""

    def __init__(
        self,
        certificates: Mapping[str, Certificate],
        board: NoticeBoard,
        clock: Clock,
        *,
        measure: Callable[[str, datetime], None],
    ) -> None:
        """Take the certificates by their listeners' names. measure: told of each listener's, and when it ends."""
        self._certificates = certificates
        self._board = board
        self._clock = clock
        self._measure = measure
        self._refused: dict[str, str] = {}
        """Why the files of a listener cannot be used as they are."""
        self._told: dict[str, str | None] = {}
        for listener, certificate in certificates.items():
            measure(listener, certificate.expires_at)

    async def look(self) -> None:
        """Load what has changed, or could not be used at the last look, and tell of what is wrong or over."""
        for listener, certificate in self._certificates.items():
            if certificate.has_changed or listener in self._refused:
                self._load(listener, certificate)
        await self._tell()

    def prepare(self, _settings: Settings) -> Callable[[], Sequence[str]]:
        """Load what has changed, for a reload of the configuration; return what uses it, and returns the keys.

        Raises ConfigError for any mistake.
        """
        prepared, problems = {}, []
        for listener, certificate in self._certificates.items():
            if not certificate.has_changed:
                continue
            try:
                prepared[listener] = certificate.prepare()
            except CertificateError as error:
                problems.append(Problem(path=f"{listener}.{error.part}", message=str(error)))
        if problems:
            raise ConfigError(problems)

        def use() -> Sequence[str]:
            for listener, put_into_use in prepared.items():
                put_into_use()
                self._taken(listener, self._certificates[listener])
            return [f"{listener}.tls_cert" for listener in prepared]

        return use

    def _load(self, listener: str, certificate: Certificate) -> None:
        try:
            certificate.reload()
        except CertificateError as error:
            if self._refused.get(listener) != str(error):
                log.warning("certificate not taken; the one before stays in use", listener=listener, reason=str(error))
            self._refused[listener] = str(error)
            return
        self._taken(listener, certificate)

    def _taken(self, listener: str, certificate: Certificate) -> None:
        self._refused.pop(listener, None)
        self._measure(listener, certificate.expires_at)
        log.info("certificate taken", listener=listener, expires_at=certificate.expires_at.isoformat())

    async def _tell(self) -> None:
        now = self._clock.now()
        for listener, certificate in self._certificates.items():
            refused = self._refused.get(listener)
            message = doubt(certificate, now) if refused is None else f"{refused}. The certificate before it is in use."
            before = self._told.get(listener, _UNKNOWN)
            if before == message:
                continue
            # One that an earlier run left open stays while there is something to tell.
            is_stale = before is not None and (message is None or before != _UNKNOWN)
            if is_stale and not await self._board.take_down(NoticeKind.TLS_CERTIFICATE, listener):
                continue  # and is tried again at the next look
            if message is not None:
                await self._board.put_up(NoticeKind.TLS_CERTIFICATE, listener, f"{listener}: {message}")
            self._told[listener] = message
