"""A record that does not show read, write, sync, answer in this order proves nothing, and that is said."""

import pytest

from kling_daemon.prove.sync import examine

SOCKET, OTHER = "14<TCP:[127.0.0.1:21000->127.0.0.1:5]>", "15<TCP:[127.0.0.1:21000->127.0.0.1:6]>"
WAL = "8</tmp/state/kling.db-wal>"
READ = f'10 1.0 recvfrom({SOCKET}, "POST /x mark", 99, 0, NULL, NULL) = 12'
WRITTEN = f'11 1.0 pwrite64({WAL}, "mark", 4096, 24) = 4096'
SYNCED = f"11 1.0 fdatasync({WAL}) = 0"
ANSWERED = f'10 1.0 sendto({SOCKET}, "HTTP/1.1 200 OK", 15, 0, NULL, 0) = 15'


def flaws(folder, *lines):
    trace = folder / "strace"
    trace.write_text("\n".join(lines))
    return examine(trace, ["mark"])[1]


def test_read_written_synced_answered_is_as_promised(tmp_path):
    assert flaws(tmp_path, SYNCED, READ, WRITTEN, SYNCED, ANSWERED) == []


UNPROVED = {
    "no sync": (SYNCED, READ, WRITTEN, ANSWERED, SYNCED),
    "a sync before the write": (READ, SYNCED, WRITTEN, ANSWERED),
    "a sync that failed": (READ, WRITTEN, f"11 1.0 fdatasync({WAL}) = -1 EIO (Input/output error)", ANSWERED),
    "a sync of another file": (READ, WRITTEN, "11 1.0 fsync(9</tmp/state/kling.db>) = 0", ANSWERED),
    "a sync that is not over": (
        READ,
        WRITTEN,
        f"11 1.0 fdatasync({WAL} <unfinished ...>",
        ANSWERED,
        "11 1.0 <... fdatasync resumed>) = 0",
    ),
    "no write": (READ, SYNCED, ANSWERED),
    "a write after the answer": (READ, SYNCED, ANSWERED, WRITTEN, SYNCED),
    "no answer": (READ, WRITTEN, SYNCED),
    "an answer to another": (READ, WRITTEN, SYNCED, ANSWERED.replace(SOCKET, OTHER)),
    "no request": (WRITTEN, SYNCED, ANSWERED),
}


@pytest.mark.parametrize("lines", UNPROVED.values(), ids=UNPROVED)
def test_anything_less_is_told(tmp_path, lines):
    assert len(flaws(tmp_path, *lines)) == 1
