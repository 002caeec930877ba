"""The daemon under measurement: as shipped, with two handlers that note when they were called.

It also notes when it had read each callback, by listening at the place where the listener hands it over.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from kling_daemon.app import rare_collections, run_daemon
from kling_daemon.config import load
from kling_daemon.contexts import DeliveryContext, HandlerContext
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.events import Item
from kling_daemon.handlers import ConfiguredHandler, Invoke
from kling_daemon.receiver.plain_callbacks import PlainCallbacks
from kling_daemon.store import writer
from kling_daemon.telemetry import configure_logging


class Recorder:
    """Two handlers that only note, for each job, when they were called."""

    def __init__(self) -> None:
        """Nothing was called yet."""
        self.called: dict[str, list[tuple[str, float]]] = {"first": [], "second": []}

    def handler(self, name: str) -> ConfiguredHandler:
        """Return one of them, configured as an operator would leave it."""
        calls = self.called[name]

        async def invoke(item: Item, _context: DeliveryContext) -> None:
            calls.append((item.job.task_id, time.monotonic()))

        @asynccontextmanager
        async def opened(_context: HandlerContext) -> AsyncIterator[Invoke]:
            yield invoke

        return ConfiguredHandler(
            name=name,
            plugin="bench",
            events=frozenset({"job.completed"}),
            depends_on=(),
            policy=RetryPolicy(),
            timeout=timedelta(minutes=10),
            concurrency=8,
            rate=None,
            open=opened,
        )


def note_receipts() -> list[tuple[float, bytes]]:
    """Have it noted when each callback was read from its connection, and return where that is noted."""
    received: list[tuple[float, bytes]] = []
    take = PlainCallbacks.take

    def noting(self: PlainCallbacks, message: Any, body: bytes, answer: Any, peer: str | None) -> None:
        received.append((time.monotonic(), body))
        take(self, message, body, answer, peer)

    PlainCallbacks.take = noting  # type: ignore[method-assign]
    return received


def main() -> None:
    """Run until SIGTERM, then write what was received and what the handlers saw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--commit-each", action="store_true", help="commit once per request, as the yardstick")
    options = parser.parse_args()
    if options.commit_each:
        writer.GROUP_LIMIT = 1
    settings = load(options.config, os.environ).settings_or_raise()
    configure_logging(settings.log.format, settings.log.level)
    recorder, received = Recorder(), note_receipts()
    handlers = [recorder.handler("first"), recorder.handler("second")]

    def ready(_: object) -> None:
        start_is_over()
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    with rare_collections() as start_is_over:  # as `kling-daemon run` does
        asyncio.run(run_daemon(settings, handlers, [], ready=ready))
    receipts = {json.loads(body).get("id", ""): at for at, body in received}
    options.calls.write_text(json.dumps({"received": receipts, "called": recorder.called}))


if __name__ == "__main__":
    main()
