import hashlib

from fakes.demo_outcome import FIRST, good_evidence
from fakes.stored_news import news, opened

from kling_daemon.demo.collecting import saved_files, stored_events
from kling_daemon.events import EventType


def archived(*paths, handler="archive"):
    told = {"files": [{"path": str(path), "size": 1, "sha256": "0" * 64, "role": "main"} for path in paths]}
    (delivery, *_) = good_evidence().deliveries
    return delivery.model_copy(update={"handler": handler, "job_id": FIRST, "result": told})


async def test_size_and_digest_are_those_of_the_bytes_on_disk_whatever_the_archive_says(tmp_path):
    (tmp_path / "1.mp4").write_bytes(b"a film")
    (file,) = await saved_files([archived(tmp_path / "1.mp4")], tmp_path)
    assert (file.job_id, file.size, file.sha256) == (FIRST, 6, hashlib.sha256(b"a film").hexdigest())


async def test_what_is_not_on_disk_or_not_in_the_folder_does_not_count(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "outside.mp4").write_bytes(b"x")
    (results / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    told = archived(results / "missing.mp4", tmp_path / "outside.mp4", results / "link.mp4", results)
    assert await saved_files([told], results) == ()


async def test_other_handlers_and_deliveries_without_a_result_have_saved_nothing(tmp_path):
    (tmp_path / "1.mp4").write_bytes(b"x")
    pending = archived().model_copy(update={"result": None})
    assert await saved_files([archived(tmp_path / "1.mp4", handler="journal"), pending], tmp_path) == ()


async def test_all_events_are_read_however_many_pages_they_fill(tmp_path):
    async with opened(tmp_path) as store:
        for number in range(5):
            await store.record(news(f"task-{number}"))
    events = await stored_events(tmp_path, page_size=3)
    assert [event.type for event in events] == [EventType.STATUS_CHANGED, EventType.COMPLETED] * 5
    assert len({event.job_id for event in events}) == 5
