"""The first certificate of a file in PEM: the one that a server shows, before those that lead to its issuer."""

import ssl
from pathlib import Path

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_LONGEST = 1024 * 1024


def first_certificate(path: Path) -> bytes:
    """Return its DER. Raises OSError, or ValueError when the file holds no whole certificate."""
    with path.open("rb") as file:
        text = file.read(_LONGEST).decode("ascii", "replace")
    begin, end = text.find(_BEGIN), text.find(_END)
    if not 0 <= begin < end:
        raise ValueError("holds no whole certificate in PEM")
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(_END)])
