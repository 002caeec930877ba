"""A listener's certificate is exchanged while it listens; one that is no good is told of, and changes nothing."""

import asyncio
import re
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from fakes.certificates import Authority, Pair, self_signed
from fakes.dispatching import PATIENCE
from fakes.local_api import LOCAL

from kling_daemon.listening import Certificate, CertificateError, listening

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@asynccontextmanager
async def served(certificate):
    async with asyncio.timeout(PATIENCE), listening(web.Application(), LOCAL, tls=certificate.context) as address:
        yield address


@asynccontextmanager
async def connected(address, trusting):
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=trusting)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(reader, writer):
    """Return the status line of an answer, read to its end."""
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
    return head.partition(b"\r\n")[0]


async def shown(address, trusting):
    """Return the certificate that a new connection is shown."""
    async with connected(address, trusting) as (_, writer):
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


@pytest.mark.parametrize(("before", "after"), [(False, False), (True, False), (False, True)])
async def test_a_new_pair_is_for_new_connections_and_old_ones_live_on(authority, before, after):
    pair, new = authority.issue("one", rsa_key=before), authority.issue("two", rsa_key=after)
    certificate, trusting = Certificate(pair.chain, pair.key), authority.trusting()
    async with served(certificate) as address, connected(address, trusting) as (reader, writer):
        assert await ask(reader, writer) == b"HTTP/1.1 404 Not Found"
        was = pair.der
        assert await shown(address, trusting) == was
        assert not certificate.has_changed
        pair.replace_by(new)
        assert certificate.has_changed
        assert await shown(address, trusting) == was
        certificate.reload()
        assert not certificate.has_changed
        assert await shown(address, trusting) == new.der != was
        assert await ask(reader, writer) == b"HTTP/1.1 404 Not Found"
        assert writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == was


async def test_links_that_lead_to_another_pair_are_a_change(authority, tmp_path):
    for name in ("one", "two"):
        pair = authority.issue(name)
        (tmp_path / name).mkdir()
        for file in (pair.chain, pair.key):
            file.rename(tmp_path / name / f"tls{file.suffix}")
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "one")
    pair = Pair(current / "tls.pem", current / "tls.key")
    certificate, trusting = Certificate(pair.chain, pair.key), authority.trusting()
    async with served(certificate) as address:
        was = await shown(address, trusting)
        (tmp_path / "next").symlink_to(tmp_path / "two")
        (tmp_path / "next").rename(current)
        assert certificate.has_changed
        certificate.reload()
        assert await shown(address, trusting) == pair.der != was


async def test_half_a_renewal_changes_nothing_until_the_other_half_is_there(authority):
    pair, new = authority.issue("one"), authority.issue("two")
    certificate, trusting, was = Certificate(pair.chain, pair.key), authority.trusting(), pair.der
    whole = new.chain.read_bytes()
    async with served(certificate) as address:
        for half, part in ((b"", "tls_cert"), (whole[:300], "tls_cert"), (whole, "tls_key")):
            pair.chain.write_bytes(half)
            with pytest.raises(CertificateError) as told:
                certificate.reload()
            assert told.value.part == part
            assert await shown(address, trusting) == was
        pair.key.write_bytes(new.key.read_bytes())
        certificate.reload()
        assert await shown(address, trusting) == new.der


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_is_spoken_is_http_1_1_in_tls_1_2_or_1_3(authority, version):
    pair, trusting = authority.issue(), authority.trusting()
    trusting.minimum_version = trusting.maximum_version = version
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    async with served(Certificate(pair.chain, pair.key)) as address, connected(address, trusting) as (_, writer):
        spoken = writer.get_extra_info("ssl_object")
        assert spoken.version() == version.name.replace("_", ".")
        assert spoken.selected_alpn_protocol() == "http/1.1"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_older_tls_is_refused(authority):
    pair, trusting = authority.issue(), authority.trusting()
    trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    async with served(Certificate(pair.chain, pair.key)) as address:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(address, trusting)


def refused(pair):
    with pytest.raises(CertificateError) as told:
        Certificate(pair.chain, pair.key)
    assert "PRIVATE KEY-----\n" not in str(told.value)
    return told.value.part, str(told.value)


def test_each_thing_that_is_wrong_with_a_pair_is_told_with_its_file(authority, tmp_path):
    pair, other = authority.issue("one"), authority.issue("other")
    chain, key = pair.chain, pair.key
    nowhere = tmp_path / "nowhere"
    assert refused(Pair(nowhere, key)) == ("tls_cert", f"cannot read {nowhere}: No such file or directory")
    assert refused(Pair(chain, nowhere)) == ("tls_key", f"cannot read {nowhere}: No such file or directory")
    assert refused(Pair(tmp_path, key)) == ("tls_cert", f"cannot read {tmp_path}: Is a directory")
    assert refused(Pair(key, key)) == ("tls_cert", f"{key} holds no whole certificate in PEM")
    assert refused(Pair(chain, chain))[1].startswith(f"{chain} may be opened by others (mode 0644)")
    assert refused(Pair(chain, other.key)) == ("tls_key", f"{other.key} is not the key of the certificate in {chain}")
    rsa = authority.issue("rsa", rsa_key=True)
    assert refused(Pair(chain, rsa.key))[0] == "tls_key"
    key.chmod(0o640)
    assert refused(pair) == ("tls_key", f"{key} may be opened by others (mode 0640); run: chmod 600 {key}")
    assert Certificate(chain, key, private=False).path == chain
    key.chmod(0o600)
    for junk in (b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"):
        chain.write_bytes(junk)
        assert refused(pair) == ("tls_cert", f"{chain} holds no whole certificate in PEM")
    other.key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert refused(other)[1].startswith(f"{other.chain} and {other.key} cannot be used for TLS")
    other.key.write_text("my key")
    assert refused(other) == ("tls_key", f"{other.key} holds no private key in PEM")


def test_a_key_with_a_passphrase_asks_nobody_for_it(tmp_path):
    pair = self_signed(tmp_path, passphrase=b"let me in")
    told = f"{pair.key} is protected by a passphrase, and nobody is there to be asked for it"
    assert refused(pair) == ("tls_key", told)


def test_a_key_that_is_too_short_is_told_as_such(tmp_path):
    pair = self_signed(tmp_path, bits=1024)
    assert refused(pair)[1] == f"{pair.chain} is for a key that is too short for TLS today (RSA: 2048 bits or more)"
