import pytest
from fakes.local_api import TOKEN, local_api
from fakes.running_daemon import free_port

from kling_daemon.client import AddressError, Daemon, DaemonError, DaemonUnreachableError, Target
from kling_daemon.config import UnixAddress


@pytest.mark.parametrize(
    "url", ["", "here", "ftp://x", "http://[::1", "http://x:99999", "unix:api.sock", "http://x?a=1"]
)
def test_what_is_no_address_is_told_before_anything_is_sent(url):
    with pytest.raises(AddressError, match=r"must be such as http://127.0.0.1:8766|unix:/absolute/path"):
        Daemon(Target(url=url, token=None))


@pytest.mark.parametrize("token", ["two\nlines", "wörter", "a\0b"])
def test_what_is_no_token_is_told_without_showing_it(token):
    with pytest.raises(AddressError, match="taken from the program itself, holds characters") as wrong:
        Daemon(Target(url="http://127.0.0.1:8766", token=token))
    assert token not in str(wrong.value)


async def test_a_token_may_be_given_as_its_file_holds_it_and_an_address_with_a_slash(tmp_path):
    async with local_api(tmp_path) as api, Daemon(Target(url=f"{api.target.url}/", token=f"{TOKEN}\n")) as daemon:
        assert (await daemon.jobs()).items == []


async def test_a_daemon_at_a_socket_is_talked_to_as_any_other(tmp_path):
    async with (
        local_api(tmp_path, address=UnixAddress(path=tmp_path / "api.sock")),
        Daemon(Target(url=f"unix:{tmp_path}/api.sock", token=TOKEN)) as daemon,
    ):
        assert (await daemon.health()).ready


async def test_outside_of_its_context_a_daemon_is_not_used_and_may_be_entered_again(tmp_path):
    async with local_api(tmp_path) as api:
        daemon = Daemon(api.target)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="inside `async with`"):
                await daemon.jobs()
            async with daemon:
                assert (await daemon.jobs()).items == []
        with pytest.raises(RuntimeError, match="inside `async with`"):
            await daemon.jobs()


async def test_where_no_daemon_is_the_error_names_the_address_that_was_tried(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("KLING_DAEMON_URL", f"http://127.0.0.1:{port}")
    async with Daemon() as daemon:
        with pytest.raises(DaemonUnreachableError, match=f"no daemon answers at http://127.0.0.1:{port}: Connection"):
            await daemon.jobs()
    async with Daemon(Target(url=f"unix:{tmp_path}/none", token=None)) as daemon:
        with pytest.raises(DaemonUnreachableError, match="No such file"):
            await daemon.health()


async def test_where_a_token_is_wanted_the_error_tells_where_it_would_be_taken_from(tmp_path, monkeypatch):
    async with local_api(tmp_path) as api:
        monkeypatch.setenv("KLING_DAEMON_URL", api.target.url)
        monkeypatch.delenv("KLING_DAEMON_TOKEN", raising=False)
        async with Daemon() as daemon:
            with pytest.raises(DaemonError, match="wants a token, which is taken from KLING_DAEMON_TOKEN"):
                await daemon.jobs()
