import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from kling_daemon.dispatch import dispatcher
from kling_daemon.poller import poller
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import inbox, tracker

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def metrics():
    return Metrics(version="1.2.3")


def samples(metrics):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def test_everything_that_is_counted_is_shown(metrics):
    metrics.callbacks("believed", "signature")
    metrics.reports("callback", "advanced", 1)
    metrics.events("job.completed", 1)
    metrics.notice("kling.silent")
    metrics.delivery("archive", "done", 0.2)
    metrics.polls("answered", 20)
    metrics.kling_request("tasks", "ok")
    metrics.missed_callback("/v1/videos/text2video", None)
    metrics.hints_evicted(2)
    metrics.sent_away("receiver", "slow")
    metrics.ring_dropped()
    metrics.commit(40, 0.003)
    shown = samples(metrics)
    expected = {
        ("kling_daemon_callbacks_total", "believed", "signature"): 1,
        ("kling_daemon_reports_total", "advanced", "callback"): 1,
        ("kling_daemon_events_total", "job.completed"): 1,
        ("kling_daemon_notices_total", "kling.silent"): 1,
        ("kling_daemon_deliveries_total", "archive", "done"): 1,
        ("kling_daemon_delivery_seconds_sum", "archive"): 0.2,
        ("kling_daemon_polls_total", "answered"): 20,
        ("kling_daemon_kling_requests_total", "ok", "tasks"): 1,
        ("kling_daemon_missed_callbacks_total", "/v1/videos/text2video", "unknown"): 1,
        ("kling_daemon_hints_evicted_total",): 2,
        ("kling_daemon_connections_sent_away_total", "receiver", "slow"): 1,
        ("kling_daemon_bus_rings_dropped_total",): 1,
        ("kling_daemon_commit_units_sum",): 40,
        ("kling_daemon_commit_seconds_count",): 1,
        ("kling_daemon_info", "1.2.3"): 1,
    }
    assert {key: shown[key] for key in expected} == expected


def test_open_jobs_are_set_and_a_state_without_any_is_not_shown(metrics):
    metrics.open_jobs({"queued": 2, "processing": 1})
    metrics.open_jobs({"processing": 3})
    shown = {key: value for key, value in samples(metrics).items() if key[0] == "kling_daemon_open_jobs"}
    assert shown == {("kling_daemon_open_jobs", "processing"): 3}


def test_two_daemons_in_one_process_do_not_mix(metrics):
    other = Metrics(version="1")
    other.events("job.failed", 1)
    assert ("kling_daemon_events_total", "job.failed") not in samples(metrics)


def test_the_process_itself_is_measured(metrics):
    assert samples(metrics)[("process_resident_memory_bytes",)] > 0


def test_every_metric_says_what_it_is(metrics):
    text = generate_latest(metrics.registry).decode()
    for line in re.findall(r"^# HELP kling_daemon.*$", text, re.MULTILINE):
        assert line.endswith("."), line


def test_every_metric_is_documented_and_no_other(metrics):
    suffixes = {"counter": "_total", "info": "_info"}
    kept = {family.name + suffixes.get(family.type, "") for family in metrics.registry.collect()}
    documented = set(re.findall(r"^\| `(kling_daemon_\w+)` \|", DOCS.read_text(), re.MULTILINE))
    assert documented == {name for name in kept if not name.startswith("process_")}


def test_it_is_what_the_services_count_with(metrics):
    counts_callbacks: inbox.Counters = metrics
    counts_news: tracker.Counters = metrics
    counts_polls: poller.Counters = metrics
    observes: dispatcher.Observe = metrics.delivery
    for protocol, counter in (
        (inbox.Counters, counts_callbacks),
        (tracker.Counters, counts_news),
        (poller.Counters, counts_polls),
    ):
        for method in (name for name in vars(protocol) if not name.startswith("_")):
            assert callable(getattr(counter, method))
    observes("archive", "done", 0.1)
