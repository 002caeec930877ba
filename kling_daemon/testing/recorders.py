"""What stands in for the daemon around a handler that is tested: each keeps what it was told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kling_daemon.deliveries import Delivery
from kling_daemon.submission.follow_ups import follow_up_id
from kling_daemon.submission.orders import complete


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a handler logged."""

    level: str
    event: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordingLog:
    """A `Log` that keeps its lines."""

    lines: list[LogLine] = field(default_factory=list)

    def debug(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append(LogLine(level="debug", event=event, values=values))

    def info(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append(LogLine(level="info", event=event, values=values))

    def warning(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append(LogLine(level="warning", event=event, values=values))

    def error(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append(LogLine(level="error", event=event, values=values))

    def exception(self, event: str, **values: object) -> None:
        """Keep a line, of level `error` as the daemon writes it."""
        self.lines.append(LogLine(level="error", event=event, values=values))


class MemoryJournal:
    """A `Journal` in memory; like the daemon's it keeps JSON, and refuses what is none."""

    def __init__(self, steps: Mapping[str, Any] | None = None) -> None:
        """Take what an earlier attempt saved."""
        self.steps: dict[str, Any] = dict(steps or {})

    async def load(self, step: str) -> Any:
        """Return what was saved under this name, or None."""
        return self.steps.get(step)

    async def save(self, step: str, value: Any) -> None:
        """Keep a JSON value; TypeError or ValueError for any other."""
        self.steps[step] = json.loads(json.dumps(value, allow_nan=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """One follow-up job that a handler asked for."""

    job_id: str
    endpoint: str
    body: Mapping[str, Any]
    key: str
    tags: Mapping[str, str]


class RecordingSubmit:
    """A `Submit` that creates nothing; its jobs have the ids that they would have in the daemon."""

    def __init__(self, delivery: Delivery) -> None:
        """Submit during this delivery: the same delivery and key give the same job, also in a later attempt."""
        self.submitted: dict[str, Submitted] = {}
        self._delivery = delivery

    async def __call__(
        self, endpoint: str, body: Mapping[str, Any], *, key: str = "", tags: Mapping[str, str] | None = None
    ) -> str:
        """Keep what was asked for and return the job's id; SubmitRefusedError for what the daemon would refuse."""
        job_id = follow_up_id(self._delivery, key)
        if key not in self.submitted:
            complete(endpoint, body, job_id=job_id, external_id=None, callback_url=None)
            self.submitted[key] = Submitted(
                job_id=job_id, endpoint=endpoint, body=json.loads(json.dumps(body)), key=key, tags=dict(tags or {})
            )
        return job_id
