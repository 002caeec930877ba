"""How jobs are shown to people: a line each, or one in full."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kling_daemon.cli.durations import brief
from kling_daemon.clock import to_rfc3339

if TYPE_CHECKING:
    from kling_daemon.client.models import JobModel

HEADINGS = ("JOB", "STATE", "ENDPOINT", "CREATED", "TOOK", "REASON")


def job_line(job: "JobModel", now: datetime) -> tuple[str, ...]:
    """Return a job's cells."""
    took = (job.finished_at or now) - job.created_at
    state = f"{job.state}, overdue" if job.overdue else job.state
    return job.id, state, job.endpoint or "-", moment(job.created_at), brief(took), _reason(job)


def job_lines(jobs: Sequence["JobModel"], now: datetime) -> list[tuple[str, ...]]:
    """Return the cells of several jobs."""
    return [job_line(job, now) for job in jobs]


def job_facts(job: "JobModel") -> list[tuple[str, str]]:
    """Return everything about a job as names and values."""
    finished = job.finished_at
    facts = [
        ("job", job.id),
        ("state", job.state),
        ("reason", _reason(job)),
        ("task id", job.task_id or ""),
        ("external id", job.external_id or ""),
        ("account", job.account),
        ("endpoint", job.endpoint or ""),
        ("model", job.model or ""),
        ("tags", " ".join(f"{key}={value}" for key, value in job.tags.items())),
        ("origin", job.origin),
        ("created", moment(job.created_at)),
        ("submitted", moment(job.submitted_at) if job.submitted_at else ""),
        ("updated", moment(job.updated_at)),
        ("finished", f"{moment(finished)} (after {brief(finished - job.created_at)})" if finished else ""),
        ("cost", ", ".join(" ".join(filter(None, (charge.amount, charge.kind, charge.unit))) for charge in job.cost)),
        ("note", "overdue: open for longer than poller.overdue_after; it is polled on" if job.overdue else ""),
        ("note", "Kling contradicted itself; see explain" if job.contradicted else ""),
        ("note", "no callback came for its end; a poll found it" if job.callback_missed else ""),
    ]
    for place, output in enumerate(job.outputs, start=1):
        facts.append((f"output {place}", f"{output.type}, {output.duration} s" if output.duration else output.type))
        for file in output.files:
            until = f" (until {moment(file.expires_at)})" if file.expires_at else ""
            facts.append((f"  {file.role}", f"{file.url}{until}"))
    return facts


def moment(at: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return to_rfc3339(at.replace(microsecond=0)).replace(".000Z", "Z")


def _reason(job: "JobModel") -> str:
    return ": ".join(filter(None, (job.reason, job.message)))
