import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kling_daemon.plugin import OutputFile
from kling_daemon.testing import (
    JOB_ID,
    START,
    Failed,
    Postponed,
    Rejected,
    check_plugin,
    make_event,
    make_job,
    make_notice,
    make_output,
    run_handler,
)
from kling_daemon_download import plugin
from kling_daemon_download.errors import DownloadError

SIDECAR = f"2026-09-01/{JOB_ID}/{JOB_ID}.job.json"


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def expiring(url, expires_at):
    return replace(make_output(), files=(OutputFile(role="main", url=url, expires_at=expires_at),))


def test_the_plugin_is_sound():
    assert check_plugin(plugin) == []


async def test_a_file_is_saved_under_its_name_with_its_size_and_digest(download, server, folder):
    run = await download()
    path = folder / "2026-09-01" / JOB_ID / "0.mp4"
    assert path.read_bytes() == server.content
    saved = {"path": str(path), "size": len(server.content), "sha256": server.sha256, "role": "main"}
    assert run.result == {"files": [saved]}


async def test_nothing_but_the_files_and_the_record_is_left(download, folder):
    await download()
    assert files_in(folder) == {f"2026-09-01/{JOB_ID}/0.mp4", SIDECAR}


async def test_the_record_names_the_job_and_every_file_but_no_signature(download, server, folder):
    await download()
    text = (folder / SIDECAR).read_text()
    record = json.loads(text)
    assert record["event"]["job"]["id"] == JOB_ID
    assert record["files"] == [
        {
            "index": "0",
            "role": "main",
            "path": f"2026-09-01/{JOB_ID}/0.mp4",
            "size": len(server.content),
            "sha256": server.sha256,
            "url": server.url("/results/video.mp4"),
        }
    ]
    assert "secret" not in text


async def test_without_sidecar_only_the_file_is_left(download, folder):
    await download(sidecar=False)
    assert files_in(folder) == {f"2026-09-01/{JOB_ID}/0.mp4"}


async def test_a_second_delivery_of_the_event_fetches_nothing(download, server, folder):
    first = await download()
    before = written(folder / SIDECAR)
    second = await download()
    assert second.result == first.result
    assert len(server.requests) == 1
    assert written(folder / SIDECAR) == before


def written(path):
    """Which file it is and when it was last written; reading it changes neither."""
    return path.stat().st_ino, path.stat().st_mtime_ns


async def test_a_file_that_was_changed_or_removed_is_fetched_again(download, server, folder):
    await download()
    path = folder / "2026-09-01" / JOB_ID / "0.mp4"
    path.write_bytes(b"x" * len(server.content))
    await download()
    assert path.read_bytes() == server.content
    path.unlink()
    await download()
    assert path.read_bytes() == server.content
    assert len(server.requests) == 3


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"files": 7}', b'{"files": [{"path": 1}, null]}', b"\xff"])
async def test_a_damaged_record_is_written_anew(content, download, server, folder):
    await download()
    (folder / SIDECAR).write_bytes(content)
    run = await download()
    assert run.result is not None
    assert json.loads((folder / SIDECAR).read_bytes())["files"][0]["sha256"] == server.sha256


async def test_a_record_that_points_elsewhere_is_not_believed(download, server, folder):
    await download()
    victim = folder.parent / "victim"
    victim.write_bytes(server.content)
    record = json.loads((folder / SIDECAR).read_bytes())
    record["files"][0]["path"] = "../victim"
    (folder / SIDECAR).write_text(json.dumps(record))
    run = await download()
    assert run.result["files"][0]["path"] == str(folder / "2026-09-01" / JOB_ID / "0.mp4")


async def test_what_an_earlier_attempt_saved_is_not_fetched_again(download, server):
    job = {"outputs": (make_output(server.url("/a.mp4")), make_output(server.url("/b.mp4")))}
    server.script.extend([server.whole, server.status(500)])
    first = await download(job=job, sidecar=False)
    assert first.outcome == Failed(error="DownloadError: 127.0.0.1: HTTP 500")
    second = await download(job=job, sidecar=False, steps=first.steps, attempt=2)
    assert [request.path for request in server.requests] == ["/a.mp4", "/b.mp4", "/b.mp4"]
    assert [file["path"][-5:] for file in second.result["files"]] == ["0.mp4", "1.mp4"]


async def test_every_file_of_every_output_is_saved_and_watermarks_on_demand(download, server, folder):
    def named(role, path):
        return OutputFile(role=role, url=server.url(path), expires_at=None)

    video = replace(make_output(), files=(named("main", "/v.mp4"), named("watermark", "/w.mp4")))
    audio = replace(make_output(type="audio"), files=(named("mp3", "/a.mp3"), named("wav", "/a.wav")))
    marked = replace(make_output(), files=(named("watermark", "/only.mp4"),))
    server.headers["Content-Type"] = "application/octet-stream"
    job = {"outputs": (video, audio, marked)}
    await download(job=job, sidecar=False, path="{job_id}/{index}.{ext}")
    assert files_in(folder / JOB_ID) == {"0.mp4", "1.mp3", "1-wav.wav", "2.mp4"}
    run = await download(job=job, sidecar=False, path="{job_id}/{index}.{ext}", watermarked=True)
    assert files_in(folder / JOB_ID) == {"0.mp4", "0-watermark.mp4", "1.mp3", "1-wav.wav", "2.mp4"}
    assert [file["role"] for file in run.result["files"]] == ["main", "watermark", "mp3", "wav", "watermark"]


async def test_a_job_without_files_leaves_its_record(download, folder):
    run = await download(job={"outputs": ()})
    assert run.result == {"files": []}
    assert files_in(folder) == {SIDECAR}


async def test_redirects_are_followed(download, server, folder):
    server.script.append(server.status(302, Location="/elsewhere.mp4?sign=other"))
    await download()
    assert (folder / "2026-09-01" / JOB_ID / "0.mp4").read_bytes() == server.content
    assert [request.path for request in server.requests] == ["/results/video.mp4", "/elsewhere.mp4"]


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_url_is_a_dead_letter_that_says_when_it_expired(status, download, server):
    server.script.append(server.status(status))
    run = await download(job={"outputs": (expiring(server.url(), datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),)})
    assert run.outcome == Rejected(reason=f"127.0.0.1: the URL expired at 2026-01-02 03:04 UTC (HTTP {status})")


@pytest.mark.parametrize("expires_at", [None, datetime.now(UTC) + timedelta(days=1)])
@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
async def test_other_refusals_are_tried_again(status, expires_at, download, server):
    server.script.append(server.status(status))
    run = await download(job={"outputs": (expiring(server.url(), expires_at),)})
    assert run.outcome == Failed(error=f"DownloadError: 127.0.0.1: HTTP {status}")


@pytest.mark.parametrize(("said", "pause"), [("7", 7), ("0", 1), ("86400", 3600)])
async def test_a_server_that_asks_for_a_pause_gets_it(said, pause, download, server):
    server.script.append(server.status(503, Retry_After=said))
    run = await download()
    assert isinstance(run.outcome, Postponed)
    assert run.outcome.after == timedelta(seconds=pause)
    assert "HTTP 503" in run.outcome.reason


async def test_a_web_page_in_place_of_a_file_is_not_saved(download, server, folder):
    server.script.append(server.status(200, b"<html>", Content_Type="text/html; charset=utf-8"))
    run = await download()
    assert run.outcome == Failed(error="DownloadError: 127.0.0.1: answered with a web page instead of the file")
    assert files_in(folder) == set()


async def test_a_compressed_body_is_not_saved(download, server):
    server.headers["Content-Encoding"] = "gzip"
    run = await download()
    assert "compressed" in run.outcome.error


async def test_an_empty_file_is_not_saved(download, server, folder):
    server.content = b""
    run = await download()
    assert run.outcome == Failed(error="DownloadError: 127.0.0.1: the file is empty")
    assert not (folder / "2026-09-01").exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "http://[", "javascript:alert(1)"])
async def test_what_egress_refuses_is_a_dead_letter(url, download):
    run = await download(job={"outputs": (make_output(url),)})
    assert isinstance(run.outcome, Rejected)


async def test_a_file_over_the_cap_is_a_dead_letter(download, folder):
    run = await download(max_size=1000)
    assert isinstance(run.outcome, Rejected)
    assert "max_size" in run.outcome.reason
    assert not (folder / "2026-09-01").exists()


async def test_nothing_but_success_is_taken(download):
    for event in (make_event("job.failed"), make_event("job.status_changed"), make_notice()):
        run = await download(event)
        assert isinstance(run.outcome, Rejected)
        assert "events" in run.outcome.reason


async def test_no_failure_repeats_a_signature(download, server):
    server.script.extend([server.status(403), server.breaking(10), server.status(503, Retry_After="5")])
    for _ in range(3):
        run = await download()
        assert "secret" not in repr(run.outcome)
        assert "secret" not in repr(run.logs)


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/kling"])
async def test_a_directory_that_cannot_be_made_is_named_with_what_to_do(place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=rf"cannot save files below .*{place}: .*; make it writable"):
        await run_handler(plugin, make_event(), config={"directory": str(tmp_path / place)})


async def test_old_partial_files_are_removed_on_opening_and_young_ones_kept(download, folder):
    partial = folder / ".partial"
    partial.mkdir(parents=True)
    for name, age in (("old.part", 31), ("young.part", 29)):
        (partial / name).touch()
        moment = datetime.now(UTC).timestamp() - age * 86400
        os.utime(partial / name, (moment, moment))
    await download()
    assert files_in(partial) == {"young.part"}


async def test_ids_that_try_to_leave_stay_inside(download, server, folder, tmp_path):
    hostile = make_job(
        id="../../../../escape",
        task_id="..",
        external_id="/etc/passwd",
        model="a/../../b\0c",
        outputs=(make_output(server.url("/%2e%2e/..%2f..%2fx.p/hp"), type="../.."),),
        created_at=START,
    )
    event = replace(make_event(), job=hostile, job_id=hostile.id)
    run = await download(event, path="{task_id}/{external_id}/{model}/{type}/{role}/{job_id}/{index}.{ext}")
    assert run.result is not None
    inside = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(inside) == 2
    assert all(path.is_relative_to(folder) for path in inside)
    content = next(path for path in inside if path.suffix != ".json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == server.sha256


async def test_a_symbolic_link_in_the_way_is_not_followed(download, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    (folder / "2026-09-01").symlink_to(outside)
    run = await download()
    assert isinstance(run.outcome, Failed)
    assert "a symbolic link, which is not followed" in run.outcome.error
    assert list(outside.iterdir()) == []


async def test_a_symbolic_link_in_place_of_the_file_is_replaced_not_followed(download, server, folder, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    place = folder / "2026-09-01" / JOB_ID
    place.mkdir(parents=True)
    (place / "0.mp4").symlink_to(victim)
    (place / f"{JOB_ID}.job.json").symlink_to(victim)
    run = await download()
    assert run.outcome == Failed(
        error=f"DownloadError: a symbolic link, which is not followed: {place / JOB_ID}.job.json"
    )
    (place / f"{JOB_ID}.job.json").unlink()
    await download()
    assert victim.read_text() == "mine"
    assert (place / "0.mp4").read_bytes() == server.content
    assert not (place / "0.mp4").is_symlink()
