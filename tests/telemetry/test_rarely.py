from kling_daemon.telemetry import Rarely


def test_what_is_said_again_and_again_is_said_at_once_and_then_from_time_to_time_with_its_number():
    now = 100.0
    rarely = Rarely(every=5, now=lambda: now)
    assert [rarely.due() for _ in range(4)] == [0, None, None, None]
    now = 104.9
    assert rarely.due() is None
    now = 105.0
    assert [rarely.due() for _ in range(2)] == [4, None]
    now = 1000.0
    assert rarely.due() == 1
