import asyncio
import json
import signal
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import click
import pytest
from fakes.daemon_process import ENVIRONMENT, PROGRAM
from fakes.dispatching import until
from fakes.json_schemas import violations
from fakes.stored_news import news, record_all

from kling_daemon.cli.events import TYPES
from kling_daemon.cli.moments import MomentType
from kling_daemon.cli.replaying import Replaying
from kling_daemon.client import Daemon, DaemonUnreachableError
from kling_daemon.client.models import EventModel
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration
from kling_daemon.store.replays import PART


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


@pytest.fixture
async def tail(api, tmp_path):
    """Type `events tail` in a process of its own, and read its lines."""
    async with AsyncExitStack() as stack:

        async def begin(*words):
            process = await asyncio.create_subprocess_exec(
                *PROGRAM, "events", "tail", *map(str, words), stdout=PIPE, stderr=PIPE, cwd=tmp_path,
                env={**ENVIRONMENT, "HOME": str(tmp_path), "KLING_DAEMON_URL": api.target.url,
                     "KLING_DAEMON_TOKEN": api.target.token},
            )  # fmt: skip
            stack.push_async_callback(end, process)
            return process

        yield begin


async def end(process):
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def lines(process, count):
    async with asyncio.timeout(20):
        return [(await process.stdout.readline()).decode().rstrip() for _ in range(count)]


async def test_events_are_told_as_they_happen(api, tail):
    process = await tail("--type", "job.failed")
    await until(lambda: api.tail.listeners == 1)
    await ended(api)
    job = await ended(api, JobState.FAILED)
    (line,) = await lines(process, 1)
    assert line.split()[1:] == ["job.failed", job.id, "queued", ">", "failed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_tail_and_that_is_no_failure(api, tail, number):
    process = await tail()
    await until(lambda: api.tail.listeners == 1)
    process.send_signal(number)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


async def test_a_tail_begins_with_the_last_events_or_at_a_moment(api, tail):
    first, second = await ended(api), await ended(api)
    last = await tail("--json", "--last", 2)
    told = [json.loads(line) for line in await lines(last, 2)]
    assert [(event["job_id"], event["type"]) for event in told] == [
        (second.id, "job.status_changed"), (second.id, "job.completed")
    ]  # fmt: skip
    assert [violations(EventModel, event) for event in told] == [[], []]
    later = await ended(api)
    assert [json.loads(line)["job_id"] for line in await lines(last, 3)] == [later.id] * 3
    of_job = await tail("--json", "--since", "1h", "--job", first.id)
    assert [json.loads(line)["job_id"] for line in await lines(of_job, 3)] == [first.id] * 3
    none_yet = await tail("--json", "--last", 5, "--type", "job.failed")
    failed = await ended(api, JobState.FAILED)
    assert [json.loads(line)["job_id"] for line in await lines(none_yet, 1)] == [failed.id]


async def test_a_tail_whose_reader_has_read_enough_ends(api, tail):
    process = await tail("--since", "1h")
    await until(lambda: api.tail.listeners == 1)
    process.stdout._transport.close()
    await ended(api)
    await ended(api)
    async with asyncio.timeout(20):
        assert await process.stderr.read() == b""
        assert await process.wait() == 1


async def test_a_refusal_ends_a_tail(tail):
    process = await tail("--job", "nothing")
    assert b"no job has this id" in (await process.communicate())[1]
    assert process.returncode == 1


def test_without_a_daemon_or_a_beginning_there_is_nothing_to_follow(typed):
    assert typed("events", "tail", "--url", "http://127.0.0.1:1").exit_code == 69
    assert typed("events", "tail", "--last", 1, "--since", "1h").exit_code == 2


async def test_a_replay_says_how_many_there_are_and_asks_before_it_begins(api, ask, ask_json):
    for _ in range(3):
        await ended(api)
    await api.store.register_handlers([Registration(name="late", events=frozenset({"job.completed"}))])
    counted = await ask("events", "replay", "--handler", "late", "--dry-run", "--since", "1h")
    assert counted.stdout == "late would be given 3 events: 3 for the first time, 0 once more\n"
    nobody = await ask("events", "replay", "--handler", "late")
    assert (nobody.exit_code, "--yes" in nobody.stderr) == (2, True)
    assert (await api.store.read.deliveries(limit=9, handler="late")) == []
    done = await ask_json("events", "replay", "--handler", "late", "--yes")
    assert (done["first"], done["again"], done["dry_run"]) == (3, 0, False)
    assert len(await api.store.read.deliveries(limit=9, handler="late")) == 3
    nothing = await ask("events", "replay", "--handler", "late", "--yes", "--until", "1h")
    assert nothing.stdout == "late is given 0 events: 0 for the first time, 0 once more\n"
    refused = await ask("events", "replay", "--handler", "nobody", "--yes")
    assert (refused.exit_code, "no handler has this name" in refused.stderr) == (1, True)


async def test_a_replay_of_many_parts_is_gone_through_and_ends_where_it_began(api, ask_json):
    await record_all(api.store, [news(f"t{number}") for number in range(PART + 20)])
    await api.store.register_handlers([Registration(name="late", events=frozenset({"job.completed"}))])
    counted = await ask_json("events", "replay", "--handler", "late", "--dry-run")
    assert counted["first"] == PART + 20
    done = await ask_json("events", "replay", "--handler", "late", "--yes", "--until", counted["until"])
    assert done["first"] == PART + 20


async def test_an_interrupted_replay_says_how_to_go_on(api, capsys):
    await record_all(api.store, [news(f"t{number}") for number in range(PART + 20)])
    await api.store.register_handlers([Registration(name="late", events=frozenset({"job.completed"}))])

    class Interrupted(Daemon):
        async def replay(self, *words, **given):
            if given["cursor"] is not None:
                raise DaemonUnreachableError("it is gone")
            return await super().replay(*words, **given)

    replaying = Replaying(handler="late", job=None, types=(), since=None, until=None, cursor=None)
    async with Interrupted(api.target) as daemon:
        with pytest.raises(DaemonUnreachableError):
            await replaying.run(daemon, dry_run=False)
    replaying.tell_where_it_ended()
    told = capsys.readouterr().err
    assert f"late is given {PART} events" in told
    words = told.partition("go on with ")[2].split()
    async with Daemon(api.target) as daemon:
        rest = await daemon.replay("late", cursor=words[1], until=MomentType().convert(words[3], None, None))
    assert rest.first == 20
