from datetime import timedelta

from kling_daemon.clock import SystemClock
from kling_daemon.deliveries import Rejected, RetryPolicy, settle
from kling_daemon.jobs import JobState


async def dead_delivery(api):
    job = await api.make_job()
    await api.report(job, JobState.SUCCEEDED)
    (delivery,) = await api.store.claim("archive", limit=1, lease=timedelta(minutes=1))
    now = SystemClock().now()
    end = settle(Rejected(reason="no bucket"), attempt=1, created_at=now, policy=RetryPolicy(), now=now, jitter=0)
    await api.store.settle(delivery, end, outcome="rejected", started_at=now)
    return job, delivery


async def test_dead_letters_are_listed_with_their_reason_and_retried(api, ask, ask_json):
    job, delivery = await dead_delivery(api)
    result = await ask("deliveries", "list", "--state", "dead")
    assert [delivery.handler in line and job.id in line for line in result.stdout.splitlines()] == [False, True]
    assert "no bucket" in result.stdout
    retried = await ask_json("deliveries", "retry", delivery.id)
    assert [row["state"] for row in retried["items"]] == ["pending"]
    assert api.woken == ["archive"]


async def test_a_list_can_be_cut_down(api, ask_json):
    job, _ = await dead_delivery(api)
    page = await ask_json("deliveries", "list", "--handler", "forgotten", "--job", job.id)
    assert [row["handler"] for row in page["items"]] == ["forgotten"]


async def test_what_was_retried_is_shown_although_the_next_is_refused(api, ask):
    _, delivery = await dead_delivery(api)
    result = await ask("deliveries", "retry", delivery.id, 999)
    assert result.exit_code == 1
    assert "archive" in result.stdout
    assert "no delivery has this id" in result.stderr


def test_an_id_is_a_number(typed):
    assert typed("deliveries", "retry", "x").exit_code == 2


async def test_a_dead_letter_is_shown_with_its_attempts_and_dropped(api, ask, ask_json):
    job, delivery = await dead_delivery(api)
    result = await ask("deliveries", "show", delivery.id)
    assert result.exit_code == 0
    facts = dict(line.split("  ", 1) for line in result.stdout.splitlines()[:8])
    assert (facts["job"].strip(), facts["state"].strip()) == (job.id, "dead")
    assert result.stdout.splitlines()[-2].split() == ["ATTEMPT", "BEGAN", "TOOK", "OUTCOME", "ERROR"]
    assert result.stdout.splitlines()[-1].endswith("rejected  no bucket")
    shown = await ask_json("deliveries", "show", delivery.id)
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["rejected"]
    dropped = await ask_json("deliveries", "drop", delivery.id)
    assert [row["state"] for row in dropped["items"]] == ["dropped"]


async def test_what_was_dropped_is_shown_although_the_next_is_refused(api, ask):
    _, delivery = await dead_delivery(api)
    result = await ask("deliveries", "drop", delivery.id, delivery.id)
    assert result.exit_code == 1
    assert "archive" in result.stdout
    assert f"delivery {delivery.id} is dropped" in result.stderr


async def test_an_unknown_delivery_is_a_failure(ask):
    result = await ask("deliveries", "show", 999)
    assert (result.exit_code, result.stderr) == (1, "Error: no delivery has this id\n")


def test_showing_and_dropping_without_a_daemon_is_69(typed):
    for verb in ("show", "drop"):
        assert typed("deliveries", verb, "1", "--url", "http://127.0.0.1:1").exit_code == 69
        assert typed("deliveries", verb, "x").exit_code == 2


async def test_what_waits_for_something_besides_its_time_says_for_what(api, ask):
    await api.report(await api.make_job(), JobState.SUCCEEDED)
    listed = await ask("deliveries", "list", "--handler", "forgotten")
    (line,) = listed.stdout.splitlines()[1:]
    assert line.endswith("parked: its handler is not configured")
    shown = await ask("deliveries", "show", line.split()[0])
    assert "held      parked: its handler is not configured" in shown.stdout
