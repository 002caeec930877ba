from prometheus_client import generate_latest

from kling_daemon.demo.counters import Counters
from kling_daemon.telemetry import Metrics


def test_the_daemons_own_metrics_are_understood():
    metrics = Metrics(version="1")
    for verdict, reason in (("believed", "signature"), ("refused", "no_match"), ("refused", "stale"), ("hint", "x")):
        metrics.callbacks(verdict, reason)
    metrics.callbacks("misdirected", "wrong_path")
    metrics.reports("callback", "advanced", 1)
    metrics.reports("poll", "advanced", 1)
    metrics.reports("poll", "unchanged", 1)
    counters = Counters.from_text(generate_latest(metrics.registry).decode())
    assert counters.verdicts == {"believed": 1, "refused": 2, "hint": 1, "misdirected": 1}
    assert (counters.received, counters.refused, counters.polls) == (5, 3, 2)


def test_a_daemon_that_has_just_started_has_counted_nothing():
    counters = Counters.from_text(generate_latest(Metrics(version="1").registry).decode())
    assert (counters.received, counters.refused, counters.polls) == (0, 0, 0)
