"""Certificates for tests, made on the spot by an authority that nobody else trusts."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key, in two files as a listener is given them."""

    chain: Path
    key: Path

    @property
    def settings(self) -> dict[str, Path]:
        """The keys of a listener's section."""
        return {"tls_cert": self.chain, "tls_key": self.key}

    @property
    def der(self) -> bytes:
        """The listener's own certificate."""
        return ssl.PEM_cert_to_DER_cert(self.chain.read_text().partition("-----END CERTIFICATE-----\n")[0] + END)

    def replace_by(self, other: "Pair") -> None:
        """Put another pair into these files, as a renewal does."""
        for mine, new in ((self.chain, other.chain), (self.key, other.key)):
            unfinished = mine.with_name(f".{mine.name}")
            unfinished.write_bytes(new.read_bytes())
            unfinished.chmod(0o600)
            unfinished.replace(mine)


END = "-----END CERTIFICATE-----\n"


class Authority:
    """Issues certificates into a folder, and makes clients that trust it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.path = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.path)

    def issue(
        self,
        name: str = "server",
        *,
        hosts: Sequence[str] = (HOST, "localhost"),
        ends_in: timedelta | None = None,
        rsa_key: bool = False,
    ) -> Pair:
        """Return a pair for these hosts, by default for this machine, valid since a month ago."""
        made = self._ca.issue_cert(
            *hosts,
            not_before=datetime.now(UTC) - timedelta(days=30),
            not_after=None if ends_in is None else datetime.now(UTC) + ends_in,
            key_type=trustme.KeyType.RSA if rsa_key else trustme.KeyType.ECDSA,
        )
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        pair.key.write_bytes(made.private_key_pem.bytes())
        pair.key.chmod(0o600)
        return pair

    def trusting(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        return context


def self_signed(folder: Path, *, bits: int = 0, passphrase: bytes | None = None, **times: Any) -> Pair:
    """Return a pair that nobody has signed but itself; bits: of an RSA key."""
    key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
    pair = Pair(folder / "self-signed.pem", folder / "self-signed.key")
    pair.chain.write_bytes(certify(key, **times).public_bytes(serialization.Encoding.PEM))
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    pair.key.write_bytes(key.private_bytes(*form))
    pair.key.chmod(0o600)
    return pair


def certify(key: Any, *, begins: datetime | None = None, ends: datetime | None = None) -> x509.Certificate:
    """Return a certificate that a key has signed for itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kling.example.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(ends or datetime.now(UTC) + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("kling.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
