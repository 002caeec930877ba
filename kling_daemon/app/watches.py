"""What looks at something from time to time: each a loop of its own, and none needs another."""

from datetime import timedelta

from kling_daemon.app import (
    certificate_watch,
    clock_watch,
    contradictions,
    expiry_watch,
    old_keys,
    overdue_watch,
    punctuality,
    retention,
    space_watch,
    strange_words,
)
from kling_daemon.app.certificate_watch import CertificateWatch
from kling_daemon.app.clock_watch import ClockWatch
from kling_daemon.app.contradictions import Contradictions
from kling_daemon.app.expiry_watch import ExpiryWatch
from kling_daemon.app.overdue_watch import OverdueWatch
from kling_daemon.app.parts import Parts
from kling_daemon.app.punctuality import PunctualityWatch
from kling_daemon.app.retention import Retention
from kling_daemon.app.space_watch import SpaceWatch
from kling_daemon.app.strange_words import StrangeWords
from kling_daemon.app.watching import Watching


def watches(parts: Parts, *, certificates: CertificateWatch, keep: timedelta) -> dict[str, Watching]:
    """Return the watches by their names. keep: for how long ended jobs are kept."""
    store, board, clock, metrics, polling = parts.store, parts.board, parts.clock, parts.metrics, parts.polling
    retain = Retention(store, keep=keep, count=metrics.removed)
    clocks = ClockWatch(store, clock, last_written=parts.last_written)
    overdue = OverdueWatch(store, board, clock, after=polling.overdue_after, measure=metrics.overdue_jobs)
    punctual = PunctualityWatch(store, clock, polling, parts.hastened)
    space = SpaceWatch(parts.reserve, board, measure=metrics.free_bytes)
    return {
        "certificate watch": Watching(certificates.look, every=certificate_watch.LOOK),
        "clock watch": Watching(clocks.step, every=clock_watch.LOOK),
        "retention": Watching(retain.step, every=retention.TROUBLED, first=retention.FIRST),
        "punctuality": Watching(punctual.look, every=punctuality.LOOK),
        "overdue watch": Watching(overdue.look, every=overdue_watch.LOOK),
        "contradictions": Watching(Contradictions(board, parts.tracker).look, every=contradictions.LOOK),
        "old keys": Watching(parts.keys.look, every=old_keys.LOOK),
        "strange words": Watching(StrangeWords(board, parts.tracker).look, every=strange_words.LOOK),
        "space watch": Watching(space.look, every=space_watch.LOOK),
        "expiry watch": Watching(ExpiryWatch(store, board, clock).look, every=expiry_watch.LOOK),
    }
