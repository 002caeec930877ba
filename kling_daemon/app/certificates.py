"""The certificates of the listeners: what is wrong with those that are configured, and what is doubtful about them."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from kling_daemon.config import Problem, Settings
from kling_daemon.config.secrets import is_credential
from kling_daemon.listening import Certificate, CertificateError

_AHEAD = timedelta(days=14)
_SHARE = 4
"""A certificate is told of when a quarter of its lifetime is left, or a fortnight if that is less: whatever renews it
should have done so by then."""


def open_certificates(settings: Settings) -> dict[str, Certificate]:
    """Load those that are configured, each under its listener's section. Raises CertificateError."""
    return {section: _open(chain, key) for section, chain, key in _configured(settings)}


def examine_certificates(settings: Settings, now: datetime) -> tuple[list[Problem], list[Problem]]:
    """Return what keeps listeners from using the certificates they are given, and what is doubtful otherwise."""
    problems, doubts = [], []
    for section, chain, key in _configured(settings):
        try:
            told = doubt(_open(chain, key), now)
        except CertificateError as error:
            problems.append(Problem(path=f"{section}.{error.part}", message=str(error)))
        else:
            doubts += [Problem(path=f"{section}.tls_cert", message=told)] if told is not None else []
    return problems, doubts


def doubt(certificate: Certificate, now: datetime) -> str | None:
    """Return what an operator should know about the certificate in use; None for nothing."""
    if now < certificate.begins_at:
        begin = f"{certificate.begins_at:%Y-%m-%d %H:%M} UTC"
        return f"the certificate in {certificate.path} begins on {begin} only; clients refuse it until then"
    left = certificate.expires_at - now
    if left > min(_AHEAD, (certificate.expires_at - certificate.begins_at) / _SHARE):
        return None
    end = f"{certificate.expires_at:%Y-%m-%d %H:%M} UTC"
    if left > timedelta():
        return f"the certificate in {certificate.path} ends on {end}; clients refuse it then: renew it"
    return f"the certificate in {certificate.path} has ended on {end}, and clients refuse it: renew it"


def _configured(settings: Settings) -> Iterator[tuple[str, Path, Path]]:
    for section, listener in (("receiver", settings.receiver), ("api", settings.api)):
        if listener.tls_cert is not None and listener.tls_key is not None:
            yield section, listener.tls_cert, listener.tls_key


def _open(chain: Path, key: Path) -> Certificate:
    return Certificate(chain, key, private=not is_credential(key, os.environ))
