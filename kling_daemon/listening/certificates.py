"""A listener's certificate and its key, which can be exchanged while it listens: no connection notices."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from kling_daemon.config.secrets import SecretError, read_secret_file
from kling_daemon.listening.sites import ListenError
from kling_daemon.listening.validity import validity
from kling_daemon.pem import first_certificate

Part = Literal["tls_cert", "tls_key"]

_REASONS: dict[str, tuple[Part, str]] = {
    "KEY_VALUES_MISMATCH": ("tls_key", "{key} is not the key of the certificate in {chain}"),
    "NO_CERTIFICATE_ASSIGNED": ("tls_key", "{key} is not the key of the certificate in {chain}"),
    "KEY_TYPE_MISMATCH": ("tls_key", "{key} is not the key of the certificate in {chain}"),
    "EE_KEY_TOO_SMALL": ("tls_cert", "{chain} is for a key that is too short for TLS today (RSA: 2048 bits or more)"),
    "CA_KEY_TOO_SMALL": ("tls_cert", "{chain} is signed with a key that is too short for TLS today"),
    "CA_MD_TOO_WEAK": ("tls_cert", "{chain} is signed with a digest that is too weak for TLS today"),
}
"""What OpenSSL calls it, and what it is."""


class CertificateError(ListenError):
    """A certificate cannot be used; the message says which of the two files is wrong and why, and shows no key."""

    def __init__(self, part: Part, message: str) -> None:
        """Take the key of the configuration that names the file."""
        super().__init__(message)
        self.part = part


class Certificate:
    """The pair of files that a listener was given, as they were when they last made a pair."""

    def __init__(self, chain: Path, key: Path, *, private: bool = True) -> None:
        """Load both. Raises CertificateError.

        chain: PEM, the listener's own certificate first, then those that lead to one that clients trust. key: PEM,
        without a passphrase; with `private`, only if nobody but its owner may open it.
        """
        self._chain = chain
        self._key = key
        self._private = private
        self._in_use = self._load()
        # Each handshake is begun with this context and asks which one holds the certificate: the same one could not
        # take a new pair, since of two keys of different kinds it would keep both, and of two that do not fit one.
        self._context = _server_context()
        self._context.sni_callback = self._choose

    @property
    def context(self) -> ssl.SSLContext:
        """What a listener takes; it stays the same through all reloads."""
        return self._context

    @property
    def path(self) -> Path:
        """The file of the certificate."""
        return self._chain

    @property
    def begins_at(self) -> datetime:
        """From when on the certificate in use is valid."""
        return self._in_use.begins

    @property
    def expires_at(self) -> datetime:
        """Until when the certificate in use is valid."""
        return self._in_use.ends

    @property
    def has_changed(self) -> bool:
        """True when a file is not what it was when what is in use was read from it."""
        return self._in_use.files != self._files()

    def reload(self) -> None:
        """Use for new connections what the files hold now; those that there are live on with what they began with.

        Raises CertificateError when that is no pair, as when only one file has been replaced so far; then nothing
        changes.
        """
        self.prepare()()

    def prepare(self) -> Callable[[], None]:
        """Do of a reload all that can fail or take time, in any thread, and return what is left of it."""
        loaded = self._load()

        def use() -> None:
            self._in_use = loaded

        return use

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._in_use.context

    def _files(self) -> "_Files":
        return _stamp(self._chain), _stamp(self._key)

    def _load(self) -> "_Loaded":
        files = self._files()  # before anything is read: what is written meanwhile is seen as a change
        begins, ends = self._read_chain()
        self._check_key()
        context = _server_context()
        try:
            context.load_cert_chain(self._chain, self._key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise self._refused(error) from None
        return _Loaded(context=context, begins=begins, ends=ends, files=files)

    def _read_chain(self) -> tuple[datetime, datetime]:
        try:
            return validity(first_certificate(self._chain))
        except OSError as error:
            raise CertificateError("tls_cert", f"cannot read {self._chain}: {error.strerror}") from None
        except ValueError:
            raise CertificateError("tls_cert", f"{self._chain} holds no whole certificate in PEM") from None

    def _check_key(self) -> None:
        try:
            text = read_secret_file(self._key, private=self._private)
        except SecretError as error:
            raise CertificateError("tls_key", str(error)) from None
        if "ENCRYPTED" in text:
            raise CertificateError(
                "tls_key", f"{self._key} is protected by a passphrase, and nobody is there to be asked for it"
            )
        if "PRIVATE KEY-----" not in text:
            raise CertificateError("tls_key", f"{self._key} holds no private key in PEM")

    def _refused(self, error: OSError | ValueError) -> CertificateError:
        reason = getattr(error, "reason", None) or ""
        words = f" ({reason.replace('_', ' ').lower()})" if reason else ""
        part, message = _REASONS.get(reason, ("tls_cert", "{chain} and {key} cannot be used for TLS" + words))
        return CertificateError(part, message.format(chain=self._chain, key=self._key))


_Stamp = tuple[int, ...] | None
_Files = tuple[_Stamp, _Stamp]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """A pair that can be used."""

    context: ssl.SSLContext
    begins: datetime
    ends: datetime
    files: _Files
    """What the files were like when it was read from them."""


def _server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_passphrase() -> str:
    """Answer in place of the terminal, at which OpenSSL would ask."""
    return ""


def _stamp(path: Path) -> _Stamp:
    """Return what changes when a file, or the link to it, is replaced, written to, or opened for others."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
