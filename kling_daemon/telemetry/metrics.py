"""What is counted and measured, for `/metrics`; services know plain methods, only this module knows Prometheus."""

import collections
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

_PREFIX = "kling_daemon"
_UNKNOWN = "unknown"
_COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_GROUP_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_DELIVERY_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)


class Metrics:
    """One daemon's metrics, in a registry of their own: two daemons in one process do not mix."""

    def __init__(self, *, version: str) -> None:
        """Start all at nothing."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        Info(_PREFIX, "The running program.", registry=self._registry).info({"version": version})
        self._callbacks = self._counter("callbacks", "Requests at the callback path.", "verdict", "reason")
        self._secrets = self._counter("matched_secrets", "Callbacks by the secret that has signed them.", "secret")
        self._reports = self._counter("reports", "What Kling said and was believed.", "source", "effect")
        self._events = self._counter("events", "Stored facts about jobs.", "type")
        self._notices = self._counter("notices", "Stored facts about the daemon.", "kind")
        self._deliveries = self._counter("deliveries", "Attempts that ended.", "handler", "outcome")
        self._polls = self._counter("polls", "Jobs that Kling was asked about.", "outcome")
        self._reconciliations = self._counter("reconciliations", "Looks at Kling's lists.", "outcome")
        self._found = self._counter("found_on_lists", "Jobs that a look at Kling's lists brought further.", "what")
        self._kling_requests = self._counter("kling_requests", "Requests to Kling, with repeats.", "verb", "outcome")
        self._kling_verbs: collections.Counter[str] = collections.Counter()
        self._missed = self._counter(
            "missed_callbacks", "Jobs whose end a poll found, as no callback had come.", "endpoint", "model"
        )
        self._contradictions = self._counter(
            "contradictions", "Reports that contradicted what stands of a job that has ended.", "what"
        )
        self._hints_evicted = self._counter("hints_evicted", "Unproved callbacks that gave way to newer ones.")
        self._rings_dropped = self._counter("bus_rings_dropped", "Rings of the bus that found a listener's queue full.")
        self._sent_away = self._counter(
            "connections_sent_away", "Connections that were too slow or had to make room.", "listener", "why"
        )
        self._removed = self._counter("removed", "Old rows that were removed.", "kind")
        self._open_jobs = Gauge(
            "open_jobs", "Jobs that have not come to their end.", ["state"], namespace=_PREFIX, registry=self._registry
        )
        self._overdue_jobs = Gauge(
            "overdue_jobs", "Open jobs that are overdue.", namespace=_PREFIX, registry=self._registry
        )
        self._certificates = Gauge(
            "certificate_expiry_timestamp_seconds",
            "When the certificate that a listener uses ends, in seconds since 1970.",
            ["listener"],
            namespace=_PREFIX,
            registry=self._registry,
        )
        self._free_bytes = Gauge(
            "free_bytes", "What is free on the state directory's disk.", namespace=_PREFIX, registry=self._registry
        )
        self._delivery_seconds = self._histogram(
            "delivery_seconds", "How long an attempt took.", _DELIVERY_BUCKETS, "handler"
        )
        self._group_units = self._histogram("commit_units", "How much one commit brought.", _GROUP_BUCKETS)
        self._commit_seconds = self._histogram("commit_seconds", "How long one commit took.", _COMMIT_BUCKETS)
        # Finding a metric by its labels takes longer than counting with it; these are counted one by one.
        self._callbacks_of = cache(self._callbacks.labels)
        self._secrets_of = cache(self._secrets.labels)
        self._deliveries_of = cache(self._deliveries.labels)
        self._delivery_seconds_of = cache(self._delivery_seconds.labels)

    def callbacks(self, verdict: str, reason: str, count: int = 1) -> None:
        """Count requests at the callback path."""
        self._callbacks_of(verdict, reason).inc(count)

    def matched_secrets(self, name: str, count: int) -> None:
        """Count callbacks that were signed with the secret of this name."""
        self._secrets_of(name).inc(count)

    def reports(self, source: str, effect: str, count: int) -> None:
        """Count believed reports."""
        self._reports.labels(source, effect).inc(count)

    def events(self, event_type: str, count: int) -> None:
        """Count stored events."""
        self._events.labels(event_type).inc(count)

    def notice(self, kind: str) -> None:
        """Count a stored notice."""
        self._notices.labels(kind).inc()

    def delivery(self, handler: str, outcome: str, seconds: float) -> None:
        """Count an attempt that ended, and measure how long it took."""
        self._deliveries_of(handler, outcome).inc()
        self._delivery_seconds_of(handler).observe(seconds)

    def polls(self, outcome: str, count: int = 1) -> None:
        """Count jobs that Kling was asked about."""
        self._polls.labels(outcome).inc(count)

    def reconciled(self, outcome: str) -> None:
        """Count a look at Kling's lists."""
        self._reconciliations.labels(outcome).inc()

    def found_on_lists(self, what: str, count: int) -> None:
        """Count jobs that a look at Kling's lists has brought further."""
        self._found.labels(what).inc(count)

    def kling_request(self, verb: str, outcome: str) -> None:
        """Count a request to Kling."""
        self._kling_requests.labels(verb, outcome).inc()
        self._kling_verbs[verb] += 1

    def kling_requests(self) -> Mapping[str, int]:
        """Return how often Kling was asked since the start, by verb."""
        return self._kling_verbs

    def missed_callback(self, endpoint: str | None, model: str | None) -> None:
        """Count a job whose end a poll had to find."""
        self._missed.labels(endpoint or _UNKNOWN, model or _UNKNOWN).inc()

    def contradiction(self, what: str) -> None:
        """Count a report that contradicted a job's `end`, or its `results`."""
        self._contradictions.labels(what).inc()

    def hints_evicted(self, count: int) -> None:
        """Count hints that gave way to newer ones."""
        self._hints_evicted.inc(count)

    def sent_away(self, listener: str, why: str) -> None:
        """Count a connection that was closed for its slowness or for want of room."""
        self._sent_away.labels(listener, why).inc()

    def removed(self, kind: str, count: int) -> None:
        """Count old rows that were removed."""
        self._removed.labels(kind).inc(count)

    def ring_dropped(self) -> None:
        """Count a ring that found a listener's queue full."""
        self._rings_dropped.inc()

    def commit(self, units: int, seconds: float) -> None:
        """Measure one commit of the store's."""
        self._group_units.observe(units)
        self._commit_seconds.observe(seconds)

    def open_jobs(self, by_state: Mapping[str, int]) -> None:
        """Set how many jobs are open; a state that is not named has none."""
        self._open_jobs.clear()
        for state, count in by_state.items():
            self._open_jobs.labels(state).set(count)

    def overdue_jobs(self, count: int) -> None:
        """Set how many of them are overdue."""
        self._overdue_jobs.set(count)

    def certificate(self, listener: str, expires_at: datetime) -> None:
        """Set when the certificate in use at a listener ends."""
        self._certificates.labels(listener).set(expires_at.timestamp())

    def free_bytes(self, size: int) -> None:
        """Set how much is free on the state directory's disk."""
        self._free_bytes.set(size)

    def jobs_moved(self, previous: str | None, state: str, count: int, *, ended: bool) -> None:
        """Follow jobs from state to state among the open ones."""
        if previous is not None:
            self._open_jobs.labels(previous).dec(count)
        if not ended:
            self._open_jobs.labels(state).inc(count)

    @property
    def registry(self) -> CollectorRegistry:
        """Where a scraper finds everything."""
        return self._registry

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace=_PREFIX, registry=self._registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, documentation, labels, namespace=_PREFIX, registry=self._registry, buckets=buckets)
