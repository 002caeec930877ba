import socket
import stat

import pytest
from aiohttp import web
from fakes.local_api import LOCAL, daemon_and_api

from kling_daemon.config import TcpAddress, UnixAddress
from kling_daemon.listening import ListenError, listening


@pytest.fixture
def path(tmp_path):
    return tmp_path / "api.sock"


async def test_a_unix_socket_is_for_its_owner_and_group_and_goes_with_the_daemon(tmp_path, path):
    async with daemon_and_api(tmp_path, address=UnixAddress(path=path)) as (daemon, api):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        job = await api.make_job()
        assert (await daemon.job(job.id)).id == job.id
    assert not path.exists()


async def test_a_socket_that_a_crash_left_behind_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with listening(web.Application(), UnixAddress(path=path)):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))


async def test_a_socket_that_somebody_listens_on_is_left_alone(path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ListenError, match="another process listens there"):
            async with listening(web.Application(), UnixAddress(path=path)):
                pass
        assert path.is_socket()


async def test_a_file_that_is_no_socket_is_left_alone(path):
    path.write_text("precious")
    with pytest.raises(ListenError, match="no socket"):
        async with listening(web.Application(), UnixAddress(path=path)):
            pass
    assert path.read_text() == "precious"


async def test_a_socket_that_another_daemon_has_made_meanwhile_stays(path):
    async with listening(web.Application(), UnixAddress(path=path)):
        path.unlink()
        # A file that keeps the old inode busy, so that the new one has another.
        with socket.socket(socket.AF_UNIX) as other:
            path.with_name("filler").touch()
            other.bind(str(path))
    assert path.is_socket()


async def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ListenError, match=r"cannot listen on unix:.*nowhere.*No such file"):
        async with listening(web.Application(), UnixAddress(path=tmp_path / "nowhere" / "api.sock")):
            pass


async def test_a_port_in_use_is_named():
    async with listening(web.Application(), LOCAL) as bound:
        assert bound.port != 0
        with pytest.raises(ListenError) as told:
            async with listening(web.Application(), bound):
                pass
    assert str(told.value) == (
        f"cannot listen on {bound}: Address already in use; stop what uses it, or configure another address"
    )


async def test_a_host_that_is_not_ours_is_named():
    with pytest.raises(ListenError, match=r"cannot listen on host\.invalid:0: .+"):
        async with listening(web.Application(), TcpAddress(host="host.invalid", port=0)):
            pass
    with pytest.raises(ListenError, match=r"cannot listen on 203\.0\.113\.1:9: (Cannot assign|could not bind)"):
        async with listening(web.Application(), TcpAddress(host="203.0.113.1", port=9)):
            pass
