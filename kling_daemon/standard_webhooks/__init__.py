"""Standard Webhooks signatures: made by the simulator, checked by the receiver.

Source: the Standard Webhooks specification 1.0.0, which Kling follows to the letter since August 2026. The
`standardwebhooks` package is the oracle of the tests and not used here, since it raises unrelated errors on malformed
input and takes what the specification does not know.
"""

from kling_daemon.standard_webhooks.asymmetric import PublicKey, SigningKey
from kling_daemon.standard_webhooks.parsing import Signer, Verifier, parse_signer, parse_verifier
from kling_daemon.standard_webhooks.symmetric import MOST_BYTES, RECOMMENDED_BYTES, Secret
from kling_daemon.standard_webhooks.verifying import (
    HEADER_ID,
    HEADER_SIGNATURE,
    HEADER_TIMESTAMP,
    HEADERS,
    TOLERANCE,
    Flaw,
    SignatureError,
    sign,
    verify,
)

__all__ = [
    "HEADERS",
    "HEADER_ID",
    "HEADER_SIGNATURE",
    "HEADER_TIMESTAMP",
    "MOST_BYTES",
    "RECOMMENDED_BYTES",
    "TOLERANCE",
    "Flaw",
    "PublicKey",
    "Secret",
    "SignatureError",
    "Signer",
    "SigningKey",
    "Verifier",
    "parse_signer",
    "parse_verifier",
    "sign",
    "verify",
]
