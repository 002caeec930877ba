from datetime import UTC, datetime, timedelta

import click
import pytest

from kling_daemon.cli.events import TYPES
from kling_daemon.cli.moments import MomentType
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState


async def ended(api, state=JobState.SUCCEEDED):
    job = await api.make_job()
    await api.report(job, state)
    return job


def test_the_types_are_the_cores():
    assert tuple(EventType) == TYPES


async def test_events_are_listed_with_what_changed_and_why(api, ask, ask_json):
    job = await api.make_job()
    await api.report(job, JobState.FAILED, message="no\x1b[31m faces")
    result = await ask("events", "list")
    assert result.exit_code == 0
    _, failed, changed, queued = (line.split(maxsplit=3)[1:] for line in result.stdout.splitlines())
    assert failed[:2] == ["job.failed", job.id]
    assert "queued > failed" in failed[2]
    assert "\\u001b[31m faces" in failed[2]
    assert changed[:2] == queued[:2] == ["job.status_changed", job.id]
    page = await ask_json("events", "list", "--type", "job.failed", "--type", "job.completed")
    assert [event["type"] for event in page["items"]] == ["job.failed"]


async def test_a_list_of_events_goes_on_where_an_earlier_one_ended(api, ask, ask_json):
    job = await ended(api)
    result = await ask("events", "list", "--oldest-first", "--limit", 2, "--job", job.id, "--since", "1h")
    cursor = result.stderr.removeprefix("There are more: --cursor ").strip()
    rest = await ask_json("events", "list", "--oldest-first", "--cursor", cursor, "--until", "2100-01-01T00:00:00Z")
    assert [event["type"] for event in rest["items"]] == ["job.completed"]
    assert (await ask("events", "list", "--job", "nothing")).exit_code == 1


def test_a_moment_is_written_out_or_as_how_long_ago_it_was(typed):
    read = MomentType().convert
    assert read("2026-11-21T20:18:39+01:00", None, None) == datetime(2026, 11, 21, 19, 18, 39, tzinfo=UTC)
    assert abs(datetime.now(UTC) - timedelta(minutes=90) - read("1h30m", None, None)) < timedelta(minutes=1)
    for wrong in ("yesterday", "2026-11-21T19:18:39", "90"):
        with pytest.raises(click.BadParameter, match="must be a moment such as"):
            read(wrong, None, None)
    assert typed("events", "list", "--since", "soon").exit_code == 2
