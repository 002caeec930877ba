import asyncio
import json
import resource
import sys

import pytest

from kling_daemon.testing import JOB_ID, Failed, Postponed, make_output
from kling_daemon_download import part

MIB = 1024 * 1024


@pytest.fixture
def target(folder):
    return folder / "2026-09-01" / JOB_ID / "0.mp4"


def only(folder, pattern):
    (found,) = (folder / ".partial").glob(pattern)
    return found


def ranges(server):
    return [(request.headers.get("Range"), request.headers.get("If-Range")) for request in server.requests]


async def test_a_body_that_breaks_off_is_continued(download, server, folder, target):
    server.script.append(server.breaking(MIB + 5))
    first = await download()
    assert first.outcome == Failed(error="HttpError: 127.0.0.1: the answer broke off")
    had = only(folder, "*.part").stat().st_size
    assert 0 < had <= MIB + 5
    second = await download(attempt=2, steps=first.steps)
    assert second.result["files"][0]["sha256"] == server.sha256
    assert target.read_bytes() == server.content
    assert ranges(server) == [(None, None), (f"bytes={had}-", '"v1"')]
    assert list((folder / ".partial").iterdir()) == []


async def test_a_stall_is_a_failure_and_what_came_is_kept(download, server, folder, target):
    server.script.append(server.stalling(100_000))
    first = await download(idle=0.2)
    assert first.outcome == Failed(error="HttpError: 127.0.0.1: stalled: nothing came for 0.2 s")
    assert only(folder, "*.part").read_bytes() == server.content[:100_000]
    await download(attempt=2)
    assert target.read_bytes() == server.content
    assert ranges(server)[1] == ("bytes=100000-", '"v1"')


async def test_many_breaks_in_a_row_lead_to_the_whole_file(download, server, target):
    server.script.extend([server.breaking(700_000)] * 4)
    outcomes = [await download(attempt=attempt) for attempt in range(1, 6)]
    assert [type(run.outcome).__name__ for run in outcomes] == ["Failed"] * 4 + ["Acknowledged"]
    assert target.read_bytes() == server.content


async def test_a_date_of_change_serves_where_there_is_no_strong_etag(download, server, target):
    server.headers = {"ETag": 'W/"weak"', "Last-Modified": "Tue, 01 Sep 2026 11:00:00 GMT", "Content-Type": "video/mp4"}
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    await download(attempt=2)
    assert ranges(server)[1] == (f"bytes={MIB}-", "Tue, 01 Sep 2026 11:00:00 GMT")
    assert target.read_bytes() == server.content


async def test_without_anything_to_tell_versions_apart_it_starts_anew(download, server, target):
    server.headers = {"Content-Type": "video/mp4"}
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    await download(attempt=2)
    assert ranges(server)[1] == (None, None)
    assert target.read_bytes() == server.content


async def test_a_file_that_changed_meanwhile_is_fetched_whole(download, server, target):
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    server.content, server.headers["ETag"] = b"new" * MIB, '"v2"'
    await download(attempt=2)
    assert target.read_bytes() == server.content
    assert len(server.requests) == 2


async def test_a_range_that_was_not_asked_for_is_not_believed(download, server, target):
    server.script.extend(
        [
            server.stalling(MIB),
            server.status(206, b"x" * 10, Content_Range=f"bytes 0-9/{len(server.content)}"),
        ]
    )
    await download(idle=0.2)
    await download(attempt=2)
    assert target.read_bytes() == server.content
    assert ranges(server)[2] == (None, None)


@pytest.mark.parametrize("said", ["bytes */5", "", "nonsense"])
async def test_a_range_that_cannot_be_satisfied_starts_anew(said, download, server, target):
    server.script.extend([server.stalling(MIB), server.status(416, Content_Range=said)])
    await download(idle=0.2)
    await download(attempt=2)
    assert target.read_bytes() == server.content
    assert len(server.requests) == 3


async def test_a_range_that_nobody_asked_for_is_a_failure(download, server):
    server.script.append(server.status(206, b"x", Content_Range="bytes 0-0/1"))
    run = await download()
    assert run.outcome == Failed(error="DownloadError: 127.0.0.1: HTTP 206")


async def test_a_refusal_keeps_what_came(download, server, target):
    server.script.extend([server.stalling(MIB), server.status(503)])
    await download(idle=0.2)
    await download(attempt=2)
    await download(attempt=3)
    assert ranges(server)[2] == (f"bytes={MIB}-", '"v1"')
    assert target.read_bytes() == server.content


async def test_a_part_that_was_whole_before_a_crash_is_only_given_its_name(download, server, folder, target):
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    only(folder, "*.part").write_bytes(server.content)
    run = await download(attempt=2)
    assert run.result["files"][0]["sha256"] == server.sha256
    assert target.read_bytes() == server.content
    assert len(server.requests) == 1


async def test_a_part_longer_than_the_file_is_thrown_away(download, server, folder, target):
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    only(folder, "*.part").write_bytes(server.content + b"x")
    await download(attempt=2)
    assert ranges(server)[1] == (None, None)
    assert target.read_bytes() == server.content


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note | {"boot": "another boot"},
        lambda note: note | {"url": "http://elsewhere/"},
        lambda note: {**note, "more": 1},
        lambda _: None,
    ],
)
async def test_a_note_that_does_not_fit_is_not_believed(change, download, server, folder, target):
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    note = only(folder, "*.note")
    note.write_text(json.dumps(change(json.loads(note.read_text()))))
    await download(attempt=2)
    assert ranges(server)[1] == (None, None)
    assert target.read_bytes() == server.content


@pytest.fixture
def hidden_boot_id(tmp_path, monkeypatch):
    monkeypatch.setattr(part, "_BOOT_ID", tmp_path / "hidden")
    part.boot_id.cache_clear()
    yield
    part.boot_id.cache_clear()


@pytest.mark.usefixtures("hidden_boot_id")
async def test_where_the_boot_id_is_hidden_a_part_is_continued_by_the_same_process_only(download, server, target):
    server.script += [server.stalling(MIB), server.stalling(MIB)]
    await download(idle=0.2)
    await download(idle=0.2, attempt=2)
    part.boot_id.cache_clear()  # what a restart comes to
    await download(attempt=3)
    assert [asked is None for asked, _ in ranges(server)] == [True, False, True]
    assert target.read_bytes() == server.content


async def test_the_note_holds_no_signature(download, server, folder):
    server.script.append(server.stalling(MIB))
    await download(idle=0.2)
    assert "secret" not in only(folder, "*.note").read_text()
    assert part.boot_id() in only(folder, "*.note").read_text()


async def test_a_full_disk_postpones_and_keeps_no_half_of_a_file(download, server, folder):
    # The limit on a file's size makes the kernel refuse to write on, as a full disk does, and needs no privileges.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))
    try:
        run = await download()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(run.outcome, Postponed)
    assert run.outcome.after.total_seconds() == 300
    assert "make room" in run.outcome.reason
    assert str(folder / ".partial") in run.outcome.reason
    assert list((folder / ".partial").iterdir()) == []
    again = await download(attempt=1, steps=run.steps)
    assert again.result["files"][0]["sha256"] == server.sha256


async def test_what_would_take_what_is_to_be_left_free_is_not_begun_and_costs_no_attempt(download, server, folder):
    run = await download(keep_free="1000TiB")
    assert isinstance(run.outcome, Postponed)
    assert run.outcome.after.total_seconds() == 300
    assert (
        f"{len(server.content):,} bytes more would leave less than 1,099,511,627,776,000 (keep_free)"
        in run.outcome.reason
    )
    assert "make room" in run.outcome.reason
    assert list((folder / ".partial").iterdir()) == []
    again = await download(attempt=1, steps=run.steps)
    assert again.result["files"][0]["sha256"] == server.sha256


async def test_what_came_before_a_kill_is_continued_by_the_next_process(download, server, folder, target):
    server.script.append(server.stalling(2 * MIB + 7))
    code = f"""
import asyncio
from kling_daemon_download import plugin
from kling_daemon.testing import make_event, make_output, run_handler
event = make_event(outputs=(make_output({server.url()!r}),))
asyncio.run(run_handler(plugin, event, config={{"directory": {str(folder)!r}}}))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    while not any(path.stat().st_size >= MIB for path in folder.glob(".partial/*.part")):  # noqa: ASYNC110 - not our loop
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    run = await download(attempt=2)
    assert run.result["files"][0]["sha256"] == server.sha256
    assert target.read_bytes() == server.content
    had, validator = ranges(server)[1]
    assert int(had.removeprefix("bytes=").removesuffix("-")) >= MIB
    assert validator == '"v1"'


async def test_two_files_of_one_job_are_continued_apart(download, server, folder):
    job = {"outputs": (make_output(server.url("/a.mp4")), make_output(server.url("/b.mp4")))}
    server.script.extend([server.whole, server.stalling(MIB)])
    first = await download(job=job, idle=0.2)
    await download(job=job, attempt=2, steps=first.steps)
    assert ranges(server)[2] == (f"bytes={MIB}-", '"v1"')
    for name in ("0.mp4", "1.mp4"):
        assert (folder / "2026-09-01" / JOB_ID / name).read_bytes() == server.content
