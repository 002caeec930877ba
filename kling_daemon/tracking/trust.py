"""Whether a callback is believed, is only a reason to ask Kling, or is refused: decided without any I/O.

The signature decides first, then the capability, then the plain path. Source of the signature's form: Standard
Webhooks, as Kling has signed callbacks since August 2026.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kling_daemon import standard_webhooks
from kling_daemon.fast_init import fast_init
from kling_daemon.standard_webhooks import SignatureError, Verifier
from kling_daemon.tracking.capabilities import Capabilities

_SIGNING = {name.encode("ascii"): name for name in standard_webhooks.HEADERS}


class Confirm(StrEnum):
    """Which callbacks are believed only when Kling, asked, says the same."""

    UNSIGNED = "unsigned"
    """Those without a signature."""
    ALWAYS = "always"
    """Signed ones too."""
    NEVER = "never"
    """None that bears a signature or a capability."""


class VerdictKind(StrEnum):
    """What a callback is worth."""

    BELIEVED = "believed"
    """Its body is a report."""
    HINT = "hint"
    """Kling is asked at once; the body itself changes nothing."""
    WEIGHTLESS = "weightless"
    """Anybody could have sent it: Kling is asked when there is time."""
    REFUSED = "refused"
    """Forged, stale or malformed: answered 401, and nothing of it is kept."""
    MISDIRECTED = "misdirected"
    """It came to a path where no callbacks are taken: answered 404."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement on one callback."""

    kind: VerdictKind
    reason: str
    """A word for logs and metrics: `signature`, `capability`, `no_match`, …; never for the sender."""
    secret: str | None = None
    """The name of the secret that matched."""
    job_id: str | None = None
    """The job that a genuine capability names."""
    webhook_id: str = ""


class Trust:
    """The rules by which callbacks are judged."""

    def __init__(
        self,
        *,
        path: str,
        secrets: Sequence[Verifier],
        capabilities: Capabilities,
        require_signature: bool = False,
        confirm: Confirm = Confirm.UNSIGNED,
        tolerance: timedelta = standard_webhooks.TOLERANCE,
    ) -> None:
        """Take the callback path and the operator's choices."""
        path = path.rstrip("/")
        self._own_paths = (path, f"{path}/")
        self._secrets = tuple(secrets)
        self._capabilities = capabilities
        self._require_signature = require_signature
        self._confirm = confirm
        self._tolerance = tolerance

    @property
    def signed_kind(self) -> VerdictKind:
        """What a callback is worth that is signed with one of the secrets."""
        return VerdictKind.HINT if self._confirm is Confirm.ALWAYS else VerdictKind.BELIEVED

    def judge(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, path: str, now: datetime) -> Verdict:
        """Judge one callback by its raw header pairs, raw body and path; never raises, whatever the bytes."""
        if path in self._own_paths:
            capability = None
        elif path.startswith(self._own_paths[1]):
            capability = path[len(self._own_paths[1]) :]
        else:
            return Verdict(kind=VerdictKind.MISDIRECTED, reason="wrong_path")
        job_id = self._capabilities.check(capability) if capability is not None else None
        signing = _signing(headers)
        if signing:
            return self._judge_signed(signing, body, job_id, now)
        if self._require_signature:
            return Verdict(kind=VerdictKind.REFUSED, reason="unsigned")
        if capability is None:
            return Verdict(kind=VerdictKind.WEIGHTLESS, reason="plain_path")
        if job_id is None:
            return Verdict(kind=VerdictKind.REFUSED, reason="wrong_capability")
        kind = VerdictKind.BELIEVED if self._confirm is Confirm.NEVER else VerdictKind.HINT
        return Verdict(kind=kind, reason="capability", job_id=job_id)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The names of the secrets, in their order."""
        return tuple(secret.name for secret in self._secrets)

    def signer_of(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, moment: datetime) -> Verifier:
        """Return the secret that has signed a request that came at a moment; raises SignatureError and nothing else."""
        return standard_webhooks.verify(
            self._secrets, dict(_signing(headers)), body, now=moment, tolerance=self._tolerance
        )

    def _judge_signed(
        self, signing: Sequence[tuple[str, str]], body: bytes, job_id: str | None, now: datetime
    ) -> Verdict:
        if not self._secrets:
            return Verdict(kind=VerdictKind.REFUSED, reason="no_secret")
        headers = dict(signing)
        if len(headers) < len(signing):
            return Verdict(kind=VerdictKind.REFUSED, reason="duplicate_header")
        try:
            secret = standard_webhooks.verify(self._secrets, headers, body, now=now, tolerance=self._tolerance)
        except SignatureError as error:
            return Verdict(kind=VerdictKind.REFUSED, reason=error.flaw.value)
        return Verdict(
            kind=self.signed_kind,
            reason="signature",
            secret=secret.name,
            job_id=job_id,
            webhook_id=headers[standard_webhooks.HEADER_ID],
        )


def _signing(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the headers that belong to a signature, under their names in lower case."""
    return [
        (_SIGNING[name], value.decode("utf-8", "surrogateescape"))
        for raw, value in headers
        if (name := raw.lower()) in _SIGNING
    ]
