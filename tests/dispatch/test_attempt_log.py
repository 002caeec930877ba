import structlog

from kling_daemon.deliveries import Delivery
from kling_daemon.dispatch.attempt_log import AttemptLog
from kling_daemon.testing import START, make_event


def test_whatever_an_attempt_logs_says_which_event_and_job_it_is_about():
    event = make_event()
    delivery = Delivery(id=1, handler="w", item=event, attempt=2, created_at=START, results={})
    with structlog.testing.capture_logs() as lines:
        log = AttemptLog(structlog.get_logger("x").bind(handler="w"), delivery)
        log.debug("one")
        log.info("two")
        log.warning("three")
        log.error("four")
        try:
            {}["nothing"]
        except LookupError:
            log.exception("five", size=7)
    about = {"handler": "w", "event_id": event.id, "job_id": event.job_id, "attempt": 2}
    assert lines == [
        {"event": "one", "log_level": "debug", **about},
        {"event": "two", "log_level": "info", **about},
        {"event": "three", "log_level": "warning", **about},
        {"event": "four", "log_level": "error", **about},
        {"event": "five", "log_level": "error", "exc_info": True, "size": 7, **about},
    ]
