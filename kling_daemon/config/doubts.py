"""What works as it is configured, and yet is seldom what an operator wants: told as warnings, forbidden by nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from kling_daemon.config.addresses import is_loopback
from kling_daemon.config.layers import Key
from kling_daemon.config.sections import EgressSettings, ReceiverSettings
from kling_daemon.config.settings import Settings

_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A doubt about settings with which the daemon starts all the same."""

    keys: tuple[Key, ...]
    """The settings that it follows from, the one to think about first."""
    message: str
    """What can come of it and what to do, without the value of any secret."""


def doubts(settings: Settings) -> Iterator[Doubt]:
    """Yield what is doubtful."""
    public_url = settings.receiver.public_url
    if public_url is not None and _is_plain_and_public(public_url):
        yield Doubt(
            keys=(("receiver", "public_url"),),
            message="is http://, so whoever is on the way reads callbacks and the capabilities in their URLs; use https://",
        )
    if settings.api.auth == "none":
        yield Doubt(
            keys=(("api", "auth"),),
            message='is "none", so every program and user who reaches api.listen may have jobs made and paid',
        )
    if settings.api.allow_http and settings.api.is_open_without_tls:
        yield Doubt(
            keys=(("api", "allow_http"), ("api", "listen"), ("api", "tls_cert")),
            message="lets tokens come without TLS from other machines, so whoever is on the way can read and use them",
        )
    yield from _open_receiver(settings.receiver)
    yield from _wide_egress(settings.egress)
    if _lets_nobody_in(settings.receiver):
        yield Doubt(
            keys=(("receiver", "allow_ips"), ("receiver", "trusted_proxies"), ("receiver", "listen")),
            message=(
                "lets nobody in: on a loopback address all callbacks come from a proxy on this machine; name it in"
                ' receiver.trusted_proxies = ["127.0.0.1", "::1"], so that it is believed whom they come from'
            ),
        )


def _open_receiver(receiver: ReceiverSettings) -> Iterator[Doubt]:
    if receiver.listen.is_loopback or receiver.tls_cert is not None or receiver.trusted_proxies:
        return
    yield Doubt(
        keys=(
            ("receiver", "listen"),
            ("receiver", "tls_cert"),
            ("receiver", "tls_key"),
            ("receiver", "trusted_proxies"),
        ),
        message=(
            "is open to other machines without TLS, so whoever is on the way reads callbacks and the capabilities in"
            " their URLs; set receiver.tls_cert and receiver.tls_key, or listen on 127.0.0.1 behind a proxy, or name a"
            " proxy elsewhere in receiver.trusted_proxies"
        ),
    )


def _wide_egress(egress: EgressSettings) -> Iterator[Doubt]:
    if any(network.overlaps(own) for network in egress.networks for own in _LOOPBACK if own.version == network.version):
        yield Doubt(
            keys=(("egress", "networks"),),
            message=(
                "opens this machine to whatever addresses results have, the local API and other services included;"
                " good for a simulator only"
            ),
        )
    if egress.proxy is not None and not egress.hosts:
        yield Doubt(
            keys=(("egress", "proxy"), ("egress", "hosts")),
            message="looks names up instead of the daemon, which then cannot tell where they lead; set egress.hosts",
        )


def _lets_nobody_in(receiver: ReceiverSettings) -> bool:
    near = ip_address("::1" if ":" in receiver.listen.host else "127.0.0.1")
    is_allowed = not receiver.allow_ips or any(near in network for network in receiver.allow_ips)
    return receiver.listen.is_loopback and not receiver.trusted_proxies and not is_allowed


def _is_plain_and_public(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
