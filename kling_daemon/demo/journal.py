"""The demo's own plugin: event hooks that write each event down, so that there is a second handler to count on.

It reaches the daemon as any plugin does, through an entry point, which the demo's workspace makes for its daemon alone.
"""

import json
import os
from pathlib import Path

from kling_daemon.plugin import DeliveryContext, JobEvent, hookimpl

NAME = "journal"
"""The entry point's name, and so the handler's."""
EVENTS = frozenset({"job.status_changed", "job.completed", "job.failed"})
FILE = "events.jsonl"
"""In the handler's data directory."""


@hookimpl
def kling_job_status_changed(event: JobEvent, context: DeliveryContext) -> None:
    """Write down a change of state."""
    _write(event, context)


@hookimpl
def kling_job_completed(event: JobEvent, context: DeliveryContext) -> None:
    """Write down a success."""
    _write(event, context)


@hookimpl
def kling_job_failed(event: JobEvent, context: DeliveryContext) -> None:
    """Write down a failure."""
    _write(event, context)


def read_journal(data_dir: Path) -> tuple[str, ...]:
    """Return the ids of the events that were written down, in their order; one delivered twice stands there twice."""
    try:
        text = (data_dir / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    return tuple(json.loads(line)["event"] for line in text.splitlines())


def _write(event: JobEvent, context: DeliveryContext) -> None:
    """Add a line in one write: hooks that are not async run side by side, each on a thread."""
    line = json.dumps({"event": event.id, "type": event.type, "job": event.job_id}) + "\n"
    descriptor = os.open(context.data_dir / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
