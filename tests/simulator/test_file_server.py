import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from fakes.kling_caller import LEGACY_IMAGE, NEW_VIDEO, KlingCaller
from fakes.kling_orders import BODIES

from kling_daemon.kling.dialects import read_task
from kling_daemon.reports import Source
from kling_daemon.simulator import Simulator
from kling_daemon.testing.clock import ManualClock


@dataclass
class Shelf:
    simulator: Simulator
    clock: ManualClock
    session: aiohttp.ClientSession
    url: str
    body: bytes

    async def get(self, url: str | None = None, method: str = "GET", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, url or self.url, headers=named) as answer:
            return answer.status, answer.headers, await answer.read()


@pytest.fixture
async def shelf(steady) -> AsyncIterator[Shelf]:
    clock = ManualClock()
    simulator = Simulator(replace(steady, file_lifetime=timedelta(hours=1), file_size=10_000), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling, aiohttp.ClientSession() as session:
        created = await kling.create(NEW_VIDEO)
        clock.advance(70)
        simulator.step()
        (entry,) = await kling.tasks(task_ids=created["id"])
        shelf = Shelf(simulator, clock, session, entry["outputs"][0]["url"], b"")
        _, _, shelf.body = await shelf.get()
        yield shelf


async def test_a_file_is_what_the_control_api_says(shelf):
    _, headers, body = await shelf.get()
    (file,) = shelf.simulator.tasks()[0]["files"]
    assert file == {"url": shelf.url, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Accept-Ranges"] == "bytes"


async def test_head_tells_all_but_the_bytes(shelf):
    status, headers, body = await shelf.get(method="HEAD")
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str(len(shelf.body))
    assert headers["ETag"]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=9000-", 9000, 10_000),
        ("bytes=9990-99999", 9990, 10_000),
        ("bytes=-5", 9995, 10_000),
        ("bytes=-99999", 0, 10_000),
    ],
)
async def test_a_range_is_answered_with_exactly_that(shelf, wanted, start, stop):
    status, headers, body = await shelf.get(Range=wanted)
    assert (status, body) == (206, shelf.body[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/10000"


async def test_a_range_behind_the_end_cannot_be_had(shelf):
    status, headers, _ = await shelf.get(Range=f"bytes={len(shelf.body)}-")
    assert status == 416
    assert headers["Content-Range"] == f"bytes */{len(shelf.body)}"


@pytest.mark.parametrize("wanted", ["bytes", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6"])
async def test_what_is_no_single_range_gets_the_whole(shelf, wanted):
    status, _, body = await shelf.get(Range=wanted)
    assert (status, body) == (200, shelf.body)


async def test_a_download_may_be_resumed_while_the_file_is_the_same(shelf):
    _, headers, _ = await shelf.get(method="HEAD")
    status, _, body = await shelf.get(Range="bytes=100-", If_Range=headers["ETag"])
    assert (status, body) == (206, shelf.body[100:])
    shelf.simulator.change(file_size=20_000)
    status, _, body = await shelf.get(Range="bytes=100-", If_Range=headers["ETag"])
    assert (status, len(body)) == (200, 20_000)


async def test_a_file_is_gone_after_its_time(shelf):
    shelf.clock.advance(timedelta(minutes=59))
    assert (await shelf.get())[0] == 200
    shelf.clock.advance(timedelta(minutes=1))
    assert (await shelf.get())[0] == 403


@pytest.mark.parametrize("change", ["ksTime=ffffffff", "ksTime=", "ksTime=zz", "ksSecret=0", "x=1"])
async def test_an_address_that_was_changed_is_worthless(shelf, change):
    name = change.partition("=")[0]
    kept = [part for part in shelf.url.partition("?")[2].split("&") if not part.startswith(name)]
    path = shelf.url.partition("?")[0]
    altered = f"{path}?{'&'.join([*kept, change])}" if name != "x" else path
    assert (await shelf.get(altered))[0] == 403


async def test_watermarked_images_are_files_of_their_own(steady):
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling, aiohttp.ClientSession() as session:
        created = await kling.create(LEGACY_IMAGE, n=2, watermark_info={"enabled": True})
        clock.advance(70)
        simulator.step()
        _, answer = await kling.call("GET", f"{LEGACY_IMAGE}/{created['task_id']}")
        images = answer["data"]["task_result"]["images"]
        bodies = set()
        for address in (image[key] for image in images for key in ("url", "watermark_url")):
            async with session.get(address) as file:
                assert (file.status, file.headers["Content-Type"]) == (200, "image/png")
                bodies.add(await file.read())
    assert len(bodies) == 4


TYPES = {
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".srt": "application/x-subrip",
    ".ass": "text/x-ssa",
}


@pytest.mark.parametrize("path", BODIES)
async def test_every_file_of_every_endpoint_can_be_had_under_its_type_until_it_expires(steady, path):
    clock = ManualClock()
    simulator = Simulator(replace(steady, file_lifetime=timedelta(hours=1)), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling, aiohttp.ClientSession() as session:
        created = await kling.create(path, **BODIES[path])
        clock.advance(70)
        simulator.step()
        query = "/solutions" if path.startswith("/solutions") else "/tasks"
        task_id = created.get("id") or created["task_id"]
        _, answer = await kling.call("GET", query, params={"task_ids": task_id})
        report = read_task(answer, source=Source.POLL, received_at=clock.now())
        files = [file for output in report.outputs for file in output.files]
        assert sorted(file.url for file in files) == sorted(file["url"] for file in simulator.tasks()[0]["files"])
        assert {file.expires_at for file in files} == {clock.now() + timedelta(hours=1)}
        bodies = set()
        for file in files:
            async with session.get(file.url) as found:
                assert found.status == 200
                assert found.headers["Content-Type"] == TYPES[Path(file.url.partition("?")[0]).suffix]
                bodies.add(await found.read())
        clock.advance(timedelta(hours=1))
        for file in files:
            async with session.get(file.url) as gone:
                assert gone.status == 403
    assert len(bodies) == len(files)


async def test_nothing_can_be_fetched_before_the_end_or_after_a_failure(steady):
    simulator = Simulator(steady, ManualClock())
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        created = await kling.create(NEW_VIDEO)
        assert (await kling.tasks(task_ids=created["id"]))[0]["outputs"] == []
        assert simulator.tasks()[0]["files"] == []
