"""Kept callbacks, and whether their signatures still verify."""

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment


class CallbackModel(Answer):
    """A kept callback without its body; one that came again is the same, and is counted."""

    id: int
    webhook_id: str
    """Empty when it had none."""
    digest: str
    """The first 16 bytes of the body's SHA-256, in hex."""
    verdict: str
    """`believed`, `hint` or `unreadable`."""
    secret: str | None
    """The name of the secret that matched when it came last; None for one without a signature."""
    job_id: str | None
    received_at: Moment
    """When it came first."""
    last_at: Moment
    count: int
    """How often it came."""


class CheckedCallbackModel(CallbackModel):
    """A kept callback whose signature was checked again, as of when it came, with the secrets of now."""

    finding: str
    """`verified`, `unsigned` (there is nothing to check), `secret_gone` (the secret of that name is no longer
    configured) or `failed`."""
    verified_with: str | None
    """The name of the secret that matches now."""
    flaw: str | None
    """Why none does: a reason as in the metrics."""


class SecretModel(Answer):
    """A webhook secret, and how often it was the one that matched among the callbacks that are kept."""

    name: str
    configured: bool
    """False for one that is no longer configured."""
    callbacks: int
    """Repetitions count."""
    last_at: Moment | None
    """When a callback came last that it had signed; None for never."""
