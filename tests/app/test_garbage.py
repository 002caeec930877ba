import gc

from kling_daemon.app import rare_collections


def test_the_collector_looks_less_often_and_not_at_what_a_start_has_made():
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rare_collections() as start_is_over:
        assert gc.get_threshold() == (10_000, *before[1:])
        start_is_over()
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
