"""How a client knows a daemon that speaks TLS: by the very certificate that it is configured with, or by its issuer."""

import hashlib
import ssl
from pathlib import Path

import aiohttp

from kling_daemon.client.errors import AddressError
from kling_daemon.pem import first_certificate

CA_VARIABLE = "KLING_DAEMON_CA"


def trusting(certificate: Path | None, ca: Path | None) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    """Return what aiohttp wants to be told. Raises AddressError for a file that is of no use.

    certificate: the only one that will do, whatever name it is for. Else ca: those whose certificates will do, for the
    name in the URL. Else the system's, or those in `$SSL_CERT_FILE`.
    """
    if certificate is not None:
        try:
            return aiohttp.Fingerprint(hashlib.sha256(first_certificate(certificate)).digest())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise AddressError(
                f"the daemon is known by the certificate in {certificate}, which cannot be read: {reason};"
                f" give its URL, and whom to trust with {CA_VARIABLE}"
            ) from None
    if ca is None:
        return True
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # that of `ssl`, too, for what is no certificate
        reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise AddressError(f"{CA_VARIABLE} names {ca}, which cannot be used: {reason}") from None
    # A certificate that has signed itself, and one in the middle of a chain, will do as well.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def distrust(error: Exception) -> str | None:
    """Return in words why TLS has failed; None for any other failure."""
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return "it shows another certificate than it is configured with: it has not taken the new one yet, or cannot"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        reason = getattr(cause, "verify_message", None) or str(cause)
        return f"its certificate is not trusted ({reason}); name with {CA_VARIABLE} a file of whom to trust"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "it speaks no TLS that can be understood; is it http:// rather than https://?"
    return None
