import io
import json
import logging
import re
import warnings

import pytest
import structlog

from kling_daemon.telemetry import configure_logging

log = structlog.get_logger(__name__)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def out():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail(message):
    raise ValueError(message)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_time_and_what_is_bound(out):
    configure_logging("json", stream=out)
    with structlog.contextvars.bound_contextvars(job_id="j", event_id="e", handler="archive"):
        log.info("job moved", state="succeeded")
    [line] = lines(out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": "job moved",
        "job_id": "j",
        "event_id": "e",
        "handler": "archive",
        "state": "succeeded",
    }


def test_less_than_the_level_is_not_written(out):
    configure_logging("json", "warning", out)
    log.info("a")
    log.warning("b")
    logging.getLogger("aiohttp").info("c")
    logging.getLogger("aiohttp").error("d")
    assert [line["event"] for line in lines(out)] == ["b", "d"]


def test_the_standard_library_s_loggers_and_warnings_take_the_same_way(out):
    configure_logging("json", stream=out)
    logging.getLogger("aiohttp.server").warning("refused %s", "Bearer abc")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
        logging.captureWarnings(capture=False)
    first, second = lines(out)
    assert (first["event"], first["logger"], first["level"]) == ("refused Bearer ***", "aiohttp.server", "warning")
    assert second["logger"] == "py.warnings"
    assert "UserWarning: old" in second["event"]


@pytest.mark.parametrize("way", ["structlog", "logging"])
def test_an_exception_is_one_line_of_json_without_secrets(out, way):
    configure_logging("json", stream=out)
    try:
        fail("GET https://cdn.x/v?sign=hidden")
    except ValueError:
        (log if way == "structlog" else logging.getLogger("x")).exception("it failed")
    [line] = lines(out)
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: GET https://cdn.x/v?***")


def test_a_terminal_gets_lines_for_people_and_never_obeys_what_is_logged(out):
    terminal = Terminal()
    configure_logging("auto", stream=terminal)
    log.warning("odd name", name="\x1b[2Jboo\r\n", job_id="j")
    try:
        fail("\x1b[2J")
    except ValueError:
        log.exception("it failed")
    text = terminal.getvalue()
    assert "odd name" in text
    assert "\x1b[2J" not in text
    assert "\\x1b[2Jboo\\r\\n" in text
    assert "Traceback" in text
    assert out.getvalue() == ""


def test_what_is_no_terminal_gets_json_unless_it_is_told_otherwise(out):
    configure_logging("auto", stream=out)
    log.info("a")
    assert lines(out)[0]["event"] == "a"
    configure_logging("console", stream=out)
    log.info("b")
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().splitlines()[1].endswith("b")


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")


class BrokenStream(io.StringIO):
    def write(self, _text):
        raise BrokenPipeError


@pytest.mark.usefixtures("out")
def test_logging_never_raises():
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    closed = io.StringIO()
    closed.close()
    for stream in (narrow, BrokenStream(), io.StringIO()):
        for form in ("json", "console"):
            configure_logging(form, stream=stream)
            log.info("é\udc80", value=Unspeakable(), nested=[{1: object(), Unspeakable: ("\udc80",)}])
            log.error("é\udc80", exc_info=(None, None, None), stack_info=True)
            logging.getLogger("x").error(*("%d %s", "one"))
            closing = io.StringIO()
            configure_logging(form, stream=closing)
            closing.close()
            log.info("to nowhere")


def test_what_cannot_be_rendered_is_told(out):
    configure_logging("json", stream=out)
    log.info("x", value=Unspeakable())
    assert lines(out) == [{"level": "error", "event": "log line lost", "error": "RuntimeError"}]
