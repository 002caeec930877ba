"""What a client says of a socket that is not for everybody."""

import os

import pytest

from kling_daemon.client import Daemon, DaemonUnreachableError, Target


async def test_a_socket_of_others_is_not_taken_for_a_daemon_that_does_not_run(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    for path, words in [
        (tmp_path / "nothing", "No such file"),
        (closed / "api.sock", "only the daemon's own user and"),
    ]:
        is_root = os.geteuid() == 0
        async with Daemon(Target(url=f"unix:{path}", token="x" * 32, token_from="")) as daemon:
            if is_root and path.parent == closed:
                os.seteuid(65534)
            try:
                with pytest.raises(DaemonUnreachableError, match=words):
                    await daemon.jobs(limit=1)
            finally:
                if is_root:
                    os.seteuid(0)
