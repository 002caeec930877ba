"""A client talks to a daemon with TLS only when it knows it, and says clearly why it does not."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fakes.certificates import HOST, Authority, self_signed
from fakes.daemon_process import ENVIRONMENT
from fakes.local_api import TOKEN, local_api

from kling_daemon.client import AddressError, Daemon, DaemonUnreachableError, DaemonUntrustedError, find_daemon
from kling_daemon.listening import Certificate


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@asynccontextmanager
async def with_tls(tmp_path, pair):
    async with local_api(tmp_path / "state", tls=Certificate(pair.chain, pair.key).context) as api:
        yield api.target


async def stats(target, **changes):
    async with Daemon(replace(target, **changes)) as daemon:
        return await daemon.stats()


async def test_a_daemon_is_known_by_its_issuer_by_its_certificate_or_not_at_all(tmp_path, authority):
    pair, stranger = authority.issue("one"), Authority(tmp_path / "stranger")
    async with with_tls(tmp_path, pair) as target:
        assert target.url.startswith("https://")
        assert await stats(target, ca=authority.path)
        assert await stats(target, ca=pair.chain)
        assert await stats(target, certificate=pair.chain)
        for told in ({}, {"ca": stranger.path}):
            with pytest.raises(DaemonUntrustedError, match=r"its certificate is not trusted .*KLING_DAEMON_CA"):
                await stats(target, **told)
        with pytest.raises(DaemonUntrustedError, match="another certificate than it is configured with"):
            await stats(target, certificate=authority.issue("two").chain)


async def test_a_name_that_the_certificate_is_not_for_will_do_for_that_very_certificate_alone(tmp_path):
    pair = self_signed(tmp_path)
    async with with_tls(tmp_path, pair) as target:
        assert await stats(target, certificate=pair.chain)
        with pytest.raises(DaemonUntrustedError, match="not trusted"):
            await stats(target, ca=pair.chain)


async def test_the_wrong_scheme_is_told(tmp_path, authority):
    async with local_api(tmp_path / "state") as api:
        with pytest.raises(DaemonUntrustedError, match="is it http:// rather than https://"):
            await stats(api.target, url=api.target.url.replace("http:", "https:"))
    async with with_tls(tmp_path, authority.issue()) as target:
        with pytest.raises(DaemonUnreachableError):
            await stats(target, url=target.url.replace("https:", "http:"))


async def test_files_of_no_use_are_told_before_anything_is_sent(tmp_path):
    target = find_daemon("https://127.0.0.1:1", None, {})
    nowhere, junk = tmp_path / "nowhere", tmp_path / "junk"
    junk.write_text("junk")
    for told, expected in (
        ({"ca": nowhere}, f"KLING_DAEMON_CA names {nowhere}, which cannot be used: No such file or directory"),
        ({"ca": junk}, f"KLING_DAEMON_CA names {junk}, which cannot be used: it holds no certificate in PEM"),
        ({"certificate": nowhere}, "cannot be read: No such file or directory"),
        ({"certificate": junk}, "cannot be read: holds no whole certificate in PEM"),
    ):
        with pytest.raises(AddressError) as error:
            await stats(target, **told)
        assert expected in str(error.value)


def test_the_configuration_tells_the_certificate_and_the_environment_whom_to_trust(tmp_path):
    (tmp_path / "kling.toml").write_text(
        f'[store]\ndirectory = "{tmp_path}"\n[api]\nlisten = "0.0.0.0:99"\ntls_cert = "/a.pem"\ntls_key = "/a.key"\n'
    )
    target = find_daemon(None, tmp_path / "kling.toml", {"HOME": str(tmp_path)})
    assert (target.url, str(target.certificate), target.ca) == ("https://127.0.0.1:99", "/a.pem", None)
    target = find_daemon("https://kling.example.com", None, {"KLING_DAEMON_CA": "/ca.pem"})
    assert (str(target.ca), target.certificate) == ("/ca.pem", None)


async def typed(*words, **environment):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kling_daemon", *map(str, words), stdout=PIPE, stderr=PIPE,
        env={**ENVIRONMENT, "HOME": os.devnull, "KLING_DAEMON_TOKEN": TOKEN, **environment},
    )  # fmt: skip
    out, errors = await process.communicate()
    return process.returncode, out.decode() + errors.decode()


async def test_the_command_line_takes_whom_to_trust_from_the_environment(tmp_path, authority):
    async with with_tls(tmp_path, authority.issue()) as target:
        verb = ("jobs", "list", "--url", target.url)
        assert (await typed(*verb, KLING_DAEMON_CA=str(authority.path)))[0] == 0
        assert (await typed(*verb, SSL_CERT_FILE=str(authority.path)))[0] == 0
        status, said = await typed(*verb)
        assert status == 69
        assert "Traceback" not in said
        assert said.startswith(f"Error: what answers at {target.url} cannot be trusted: its certificate is not trusted")
        status, said = await typed(*verb, KLING_DAEMON_CA=str(tmp_path / "nowhere"))
        assert (status, "No such file or directory" in said) == (2, True)


async def test_the_command_line_knows_a_daemon_of_the_configuration_by_its_certificate(tmp_path):
    pair = self_signed(tmp_path)
    async with with_tls(tmp_path, pair) as target:
        port = target.url.rpartition(":")[2]
        config = tmp_path / "kling.toml"
        config.write_text(
            f'[store]\ndirectory = "{tmp_path}/state"\n'
            f'[api]\nlisten = "{HOST}:{port}"\ntls_cert = "{pair.chain}"\ntls_key = "{pair.key}"\n'
        )
        assert (await typed("jobs", "list", "--config", config))[0] == 0
