from kling_daemon.demo import journal
from kling_daemon.testing import Acknowledged, check_plugin, make_event, run_handler


async def test_every_event_is_written_down_also_the_same_one_again(tmp_path):
    events = [make_event(kind) for kind in ("job.status_changed", "job.completed", "job.failed", "job.completed")]
    for event in events:
        run = await run_handler(journal, event, data_dir=tmp_path)
        assert isinstance(run.outcome, Acknowledged), run.raised
    assert journal.read_journal(tmp_path) == tuple(event.id for event in events)


def test_without_an_event_there_is_no_journal(tmp_path):
    assert journal.read_journal(tmp_path) == ()


def test_the_daemon_would_load_it():
    assert check_plugin(journal) == []
