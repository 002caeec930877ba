"""What a demo came to, in numbers: a block of facts for people, an object for programs."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kling_daemon.cli.durations import brief
from kling_daemon.deliveries import DeliveryState
from kling_daemon.demo import HANDLERS, Outcome, SavedFile

FILE_HEADINGS = ("FILE", "SIZE", "SHA-256", "AT KLING")

_DIGITS = 16
_MIB = 1024 * 1024


def file_lines(outcome: Outcome, results: Path) -> list[tuple[str, ...]]:
    """Return a line for each file on disk: where, how long, its digest, and whether Kling's file is the same."""
    return [
        (
            str(file.path.relative_to(results.resolve())),
            f"{file.size:,}",
            file.sha256[:_DIGITS],
            "same" if _is_kling_s(outcome, file) else "DIFFERENT",
        )
        for file in sorted(outcome.evidence.saved, key=lambda file: file.path)
    ]


def facts(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the demo in names and values."""
    evidence, kling, counters = outcome.evidence, outcome.kling, outcome.counters
    lost_ends, found = _lost_ends(outcome)
    saved = evidence.saved
    size, same = sum(file.size for file in saved), sum(_is_kling_s(outcome, file) for file in saved)
    creates = outcome.stats.kling_requests.get("create", 0)
    queries = sum(outcome.stats.kling_requests.values()) - creates
    hints = counters.verdicts.get("hint", 0)
    return [
        ("jobs", f"{len(evidence.jobs)}: {_listed(_states(outcome))}"),
        ("failures", _listed(_reasons(outcome))),
        ("callbacks", f"{counters.received} received: {_listed(counters.verdicts)}"),
        ("  from Kling", f"{kling.due} due: {kling.lost} lost, {kling.doubled} doubled, {kling.reordered} reordered"),
        (
            "  from others",
            f"{kling.forged} forged: {counters.refused} refused, {hints} no more than a reason to ask Kling",
        ),
        ("polls", f"{counters.polls}; of {lost_ends} ends whose callback was lost they found {found}"),
        ("requests", f"{creates + queries} to Kling: {creates} creates, {queries} queries"),
        ("  put off", f"{kling.slots_full} creates, since every slot was taken (1303)"),
        ("events", f"{len(evidence.events)}: {_listed(_events(outcome))}"),
        *(
            ("deliveries" if place == 0 else "", f"{handler}: {done} of {all_of_them} done")
            for place, (handler, (done, all_of_them)) in enumerate(_deliveries(outcome).items())
        ),
        ("files", f"{len(saved)} with {size / _MIB:.1f} MiB; {same} have the same SHA-256 as at Kling"),
        ("time", brief(outcome.elapsed)),
    ]


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the demo as JSON."""
    evidence, kling, counters = outcome.evidence, outcome.kling, outcome.counters
    lost_ends, found = _lost_ends(outcome)
    return {
        "succeeded": not outcome.findings,
        "findings": list(outcome.findings),
        "seconds": round(outcome.elapsed.total_seconds(), 3),
        "jobs": {"total": len(evidence.jobs), "states": _states(outcome), "reasons": _reasons(outcome)},
        "callbacks": {
            "received": counters.received,
            "verdicts": dict(counters.verdicts),
            "refused": counters.refused,
            "due": kling.due,
            "lost": kling.lost,
            "doubled": kling.doubled,
            "reordered": kling.reordered,
            "forged": kling.forged,
        },
        "polls": {"total": counters.polls, "lost_ends": lost_ends, "lost_ends_found": found},
        "kling_requests": {**outcome.stats.kling_requests, "without_slot": kling.slots_full},
        "events": {"total": len(evidence.events), "types": _events(outcome)},
        "deliveries": {
            handler: {"total": all_of_them, "done": done}
            for handler, (done, all_of_them) in _deliveries(outcome).items()
        },
        "files": [
            {
                "job": file.job_id,
                "path": str(file.path),
                "size": file.size,
                "sha256": file.sha256,
                "same_at_kling": _is_kling_s(outcome, file),
            }
            for file in evidence.saved
        ],
    }


def _states(outcome: Outcome) -> dict[str, int]:
    return dict(Counter(str(job.state) for job in outcome.evidence.jobs))


def _reasons(outcome: Outcome) -> dict[str, int]:
    return dict(Counter(job.reason for job in outcome.evidence.jobs if job.reason is not None))


def _events(outcome: Outcome) -> dict[str, int]:
    return dict(Counter(str(event.type) for event in outcome.evidence.events))


def _deliveries(outcome: Outcome) -> dict[str, tuple[int, int]]:
    """Return for each handler how many deliveries are done, and how many there are."""
    counts = {}
    for handler in HANDLERS:
        states = [delivery.state for delivery in outcome.evidence.deliveries if delivery.handler == handler]
        counts[handler] = states.count(DeliveryState.DONE), len(states)
    return counts


def _lost_ends(outcome: Outcome) -> tuple[int, int]:
    """Return how many jobs' ends no callback told, and how many of these the daemon knows all the same."""
    lost = {task.id for task in outcome.evidence.tasks if task.state not in task.called_back}
    found = [job for job in outcome.evidence.jobs if job.task_id in lost and job.has_ended]
    return len(lost), len(found)


def _is_kling_s(outcome: Outcome, file: SavedFile) -> bool:
    tasks = (task for task in outcome.evidence.tasks if task.external_id == file.job_id)
    return any(made.sha256 == file.sha256 and made.size == file.size for task in tasks for made in task.files)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "none"
