import pytest
from fakes.demo_outcome import FIRST, good_numbers, good_stats, progress

from kling_daemon.jobs import JobState

OVER = progress()


def test_it_is_over_when_all_jobs_have_ended_all_deliveries_are_done_and_kling_has_nothing_more_to_say():
    assert OVER.is_over


@pytest.mark.parametrize(
    "changes",
    [
        {"jobs": OVER.jobs[:2]},
        {
            "jobs": tuple(
                j.model_copy(update={"state": JobState.PROCESSING} if j.id == FIRST else {}) for j in OVER.jobs
            )
        },
        {"kling": good_numbers(is_idle=False)},
        {"stats": good_stats(deliveries={"archive": {"done": 1, "pending": 1}, "journal": {"done": 6}})},
        {"stats": good_stats(deliveries={"archive": {"done": 2}, "journal": {"done": 5, "running": 1}})},
    ],
)
def test_it_is_not_over_while_anything_is_open(changes):
    assert not progress(**changes).is_over


def test_a_dead_delivery_is_not_waited_for():
    stats = good_stats(deliveries={"archive": {"done": 1, "dead": 1}, "journal": {"done": 6}})
    assert progress(stats=stats).is_over


def test_deliveries_are_counted_by_handler():
    stats = good_stats(deliveries={"archive": {"done": 1, "running": 1, "pending": 3}})
    looked = progress(stats=stats)
    assert (looked.deliveries("archive"), looked.open_deliveries("archive")) == (5, 4)
    assert (looked.deliveries("journal"), looked.open_deliveries("journal")) == (0, 0)
