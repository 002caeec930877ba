"""Checks the signatures of kept callbacks again, however long ago they came, with the secrets of now."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from kling_daemon.standard_webhooks import SignatureError
from kling_daemon.store import KeptEvidence
from kling_daemon.tracking.callbacks import SIGNED_HEADERS
from kling_daemon.tracking.trust import Trust


class Finding(StrEnum):
    """What came of checking a kept callback."""

    VERIFIED = "verified"
    """One of the secrets has signed it, when it came."""
    UNSIGNED = "unsigned"
    """It came without a signature, at a URL that only Kling was given: there is nothing to check."""
    GONE = "secret_gone"
    """The secret that matched is not configured any more, and no other one matches."""
    FAILED = "failed"
    """The secret of that name does not match any more: it is another one now, or what is kept was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The finding on one kept callback."""

    finding: Finding
    secret: str | None = None
    """The name of the secret that matches now."""
    flaw: str | None = None
    """Why none does."""


def check_evidence(trust: Trust, kept: KeptEvidence) -> Checked:
    """Check the signature of a kept callback by its raw headers and body, as of when it came; raises nothing.

    It may have come several times; then it is enough that it was fresh at the first or at the last of them.
    """
    headers, flaw = list(_headers(kept.headers)), ""
    # By the headers as well: a name that somebody has taken out must not make a signed one pass for unsigned.
    if kept.secret is None and not any(name.lower() in SIGNED_HEADERS for name, _ in headers):
        return Checked(finding=Finding.UNSIGNED)
    for moment in (kept.last_at, kept.received_at):
        try:
            return Checked(finding=Finding.VERIFIED, secret=trust.signer_of(headers, kept.body, moment).name)
        except SignatureError as error:
            flaw = error.flaw.value
    gone = kept.secret is not None and kept.secret not in trust.secret_names
    return Checked(finding=Finding.GONE if gone else Finding.FAILED, flaw=flaw)


def _headers(lines: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        yield name, value
