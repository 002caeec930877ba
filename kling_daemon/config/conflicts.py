"""What no section can tell by itself: settings that do not go together."""

from collections.abc import Iterator
from dataclasses import dataclass

from kling_daemon.config.addresses import TcpAddress, UnixAddress, collide
from kling_daemon.config.layers import Key
from kling_daemon.config.sections import ApiSettings, ReceiverSettings
from kling_daemon.config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Settings that do not go together."""

    keys: tuple[Key, ...]
    """The settings that it follows from, the one to change first."""
    message: str


def conflicts(settings: Settings) -> Iterator[Conflict]:
    """Yield what does not go together."""
    if collide(settings.receiver.listen, settings.api.listen):
        yield Conflict(
            keys=(("api", "listen"), ("receiver", "listen")),
            message="must differ from receiver.listen: the receiver is public, the API is not",
        )
    listen = settings.api.listen
    if settings.api.auth == "none" and isinstance(listen, TcpAddress) and not listen.is_loopback:
        yield Conflict(
            keys=(("api", "auth"), ("api", "listen")),
            message='"none" is for loopback and Unix sockets: elsewhere any machine could have jobs made and paid',
        )
    elif settings.api.is_open_without_tls and not settings.api.allow_http:
        yield Conflict(
            keys=(("api", "listen"), ("api", "tls_cert"), ("api", "allow_http")),
            message=(
                "is open to other machines, whose tokens must come by TLS: set api.tls_cert and api.tls_key, or"
                " listen on loopback or a Unix socket; api.allow_http = true is for a network that nobody else is on"
            ),
        )
    if settings.trust.require_signature and not settings.trust.secrets:
        yield Conflict(
            keys=(("trust", "require_signature"), ("trust", "secrets")),
            message="needs a webhook secret (trust.secrets.NAME or KLING_WEBHOOK_SECRETS): without one, all is refused",
        )
    yield from _half_tls("receiver", settings.receiver)
    yield from _half_tls("api", settings.api)
    if isinstance(settings.api.listen, UnixAddress) and settings.api.tls_cert is not None:
        yield Conflict(
            keys=(("api", "tls_cert"), ("api", "listen")),
            message="is for a TCP port, and api.listen is a Unix socket, which nobody can listen in on: leave it out",
        )
    kling = settings.kling
    if (kling.access_key is None) != (kling.secret_key is None):
        given, missing = ("secret_key", "access_key") if kling.access_key is None else ("access_key", "secret_key")
        yield Conflict(
            keys=(("kling", given), ("kling", missing)),
            message=f"needs kling.{missing} (or KLING_{missing.upper()}): the two sign together, or not at all",
        )
    if settings.trust.confirm == "always" and kling.api_key is None and kling.access_key is None:
        yield Conflict(
            keys=(("trust", "confirm"), ("kling", "api_key"), ("kling", "access_key")),
            message='"always" needs kling.api_key, or Kling cannot be asked and no callback is ever believed',
        )
    if settings.poller.max_interval < settings.poller.interval:
        yield Conflict(
            keys=(("poller", "max_interval"), ("poller", "interval")),
            message="must not be less than poller.interval",
        )
    if settings.delivery.max_backoff < settings.delivery.backoff:
        yield Conflict(
            keys=(("delivery", "max_backoff"), ("delivery", "backoff")),
            message="must not be less than delivery.backoff",
        )


def _half_tls(section: str, listener: ReceiverSettings | ApiSettings) -> Iterator[Conflict]:
    if (listener.tls_cert is None) != (listener.tls_key is None):
        given, missing = ("tls_key", "tls_cert") if listener.tls_cert is None else ("tls_cert", "tls_key")
        yield Conflict(
            keys=((section, given), (section, missing)),
            message=f"needs {section}.{missing}: TLS takes a certificate and its key, each in a file",
        )
