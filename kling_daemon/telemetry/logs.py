"""Log lines: one structured line per event, ours and the libraries' alike, on standard error."""

import json
import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from kling_daemon.clock import to_rfc3339
from kling_daemon.telemetry.redaction import redact

Values = MutableMapping[str, Any]
Render = Callable[[Values], str]

_FIRST = ("timestamp", "level", "event", "job_id", "event_id", "handler")


def configure_logging(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of the process to one stream; called once, by the composition root.

    form: `json` for a JSON object per line, `console` for people, `auto` for what suits the stream. level: the least
    one that is written. stream: standard error by default. The standard library's logging, aiohttp and asyncio
    included, and warnings take the same way. From then on, logging raises nothing: what cannot be rendered or written
    is left out.
    """
    out = sys.stderr if stream is None else stream
    is_terminal = out.isatty()
    render = _console(colors=is_terminal) if form == "console" or (form == "auto" and is_terminal) else _json
    sink = _Sink(out, render)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, sink.take],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: sink,
        # Loggers stand at the top of modules; a cached one would keep the stream of whoever configured first.
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=level.upper(), handlers=[_Router(sink)], force=True)
    logging.captureWarnings(True)


class _Sink:
    """Makes a line of an event and writes it; what a structlog logger wraps."""

    def __init__(self, stream: TextIO, render: Render) -> None:
        self._stream = stream
        self._render = render

    def take(self, _logger: object, method: str, values: Values) -> str:
        """Return the line; structlog's last processor."""
        try:
            return self._line(method, values)
        except Exception as error:  # noqa: BLE001 - a value whose `repr` raises must not harm what logs it
            return json.dumps({"level": "error", "event": "log line lost", "error": type(error).__name__})

    def _line(self, method: str, values: Values) -> str:
        level = "error" if method == "exception" else "warning" if method == "warn" else method
        found = {"timestamp": to_rfc3339(datetime.now(UTC)), "level": level, **values}
        raised = _exception_of(found.pop("exc_info", None))
        if raised is not None:
            found["exception"] = "".join(traceback.format_exception(raised)).rstrip()
        elif found.pop("stack_info", None) is True:
            found["stack"] = "".join(traceback.format_stack()).rstrip()
        clean = redact(found)
        return self._render({**{key: clean[key] for key in _FIRST if key in clean}, **clean})

    def msg(self, line: str) -> None:
        """Write a line."""
        try:
            try:
                self._stream.write(f"{line}\n")
            except UnicodeError:
                self._stream.write(line.encode("ascii", "backslashreplace").decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return  # the stream is closed or full, and there is nowhere left to say so

    debug = info = warn = warning = error = critical = fatal = exception = log = msg


class _Router(logging.Handler):
    """Takes the standard library's log records to the sink."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; `handleError` of the base class, which would print, is never reached."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's arguments that do not fit its text
            message = str(record.msg)
        values: Values = {**structlog.contextvars.get_contextvars(), "event": message, "logger": record.name}
        if record.exc_info:
            values["exc_info"] = record.exc_info
        self._sink.msg(self._sink.take(None, record.levelname.lower(), values))


def _exception_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _json(values: Values) -> str:
    return json.dumps(values, ensure_ascii=False)


def _console(*, colors: bool) -> Render:
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)

    def render(values: Values) -> str:
        exception = values.pop("exception", None)
        printable = {key: _printable(value) for key, value in values.items()}
        if exception is not None:
            printable["exception"] = "\n".join(_printable(line) for line in str(exception).splitlines())
        return str(renderer(None, "", printable))

    return render


def _printable(value: Any) -> Any:
    """Escape what a terminal would obey: Kling's words and callers' ids end up in log lines."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
    return value
