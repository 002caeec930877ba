"""What strace writes is read as it is: calls of many threads, cut in two, cut off, with any bytes in them."""

from kling_daemon.prove.traces import calls

RECORD = r"""
10  1795291961.1 recvfrom(14<TCP:[127.0.0.1:21000->127.0.0.1:50000]>, "POST /x\r\n) = 3\r\n", 99, 0, NULL, NULL) = 170
11  1795291961.2 pwrite64(8</srv/state/kling.db-wal>, "\r\0\0 mark", 4096, 24 <unfinished ...>
10  1795291961.3 sendto(5<UNIX-STREAM:[1->2]>, "\0", 1, 0, NULL, 0) = 1
11  1795291961.4 <... pwrite64 resumed>) = 4096
11  1795291961.5 fdatasync(8</srv/state/kling.db-wal>) = -1 EIO (Input/output error)
11  1795291961.6 fdatasync(8</srv/state/kling.db-wal> <unfinished ...>
10  1795291961.7 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---
12  1795291961.8 read(3</etc/hosts>,  <unfinished ...>
10  1795291961.9 +++ killed by SIGKILL +++
12  1795291961.9 <... read resumed> <unfinished ...>) = ?
a line of somebody else's
"""


def test_calls_come_in_the_order_in_which_they_began():
    names = [call.name for call in calls(RECORD.splitlines())]
    assert names == ["recvfrom", "pwrite64", "sendto", "fdatasync", "fdatasync", "read"]


def test_the_parts_of_a_call_are_joined():
    _, write, wake, *_ = calls(RECORD.splitlines())
    assert (write.thread, write.target, write.result) == (11, "/srv/state/kling.db-wal", "4096")
    assert "mark" in write.arguments
    assert write.began < wake.began < (write.ended or 0)


def test_a_result_is_told_from_text_that_looks_like_one():
    read = calls(RECORD.splitlines())[0]
    assert (read.result, read.target) == ("170", "TCP:[127.0.0.1:21000->127.0.0.1:50000]")
    assert read.arguments.endswith("NULL, NULL")


def test_only_a_call_that_came_back_well_succeeded():
    succeeded = [call.name for call in calls(RECORD.splitlines()) if call.succeeded]
    assert succeeded == ["recvfrom", "pwrite64", "sendto"]
