"""Which kind of key a text is: its prefix tells, so that no key is ever used for another version than its own."""

from kling_daemon.standard_webhooks.asymmetric import PublicKey, SigningKey
from kling_daemon.standard_webhooks.key_text import PRIVATE, PUBLIC
from kling_daemon.standard_webhooks.symmetric import Secret

Verifier = Secret | PublicKey | SigningKey
"""What checks signatures."""

Signer = Secret | SigningKey
"""What makes signatures."""


def parse_verifier(name: str, text: str) -> Secret | PublicKey:
    """Read what a receiver configures: `whsec_…` or `whpk_…`; without a prefix it is a shared secret.

    ValueError says what is wrong and shows nothing of the secret.
    """
    if text.strip().startswith(PRIVATE):
        raise ValueError(
            f"webhook secret {name!r} is a private key ({PRIVATE}…), which only the sender may have; "
            f"configure the public one ({PUBLIC}…)"
        )
    return PublicKey.parse(name, text) if text.strip().startswith(PUBLIC) else Secret.parse(name, text)


def parse_signer(name: str, text: str) -> Signer:
    """Read what a sender configures: `whsec_…` or `whsk_…`; without a prefix it is a shared secret. Or ValueError."""
    if text.strip().startswith(PUBLIC):
        raise ValueError(
            f"webhook secret {name!r} is a public key ({PUBLIC}…), which signs nothing; give the {PRIVATE}…"
        )
    return SigningKey.parse(name, text) if text.strip().startswith(PRIVATE) else Secret.parse(name, text)
