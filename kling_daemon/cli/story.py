"""A job's timeline in words: a line for each thing that happened, and what comes next."""

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from kling_daemon.cli.durations import brief
from kling_daemon.cli.job_views import moment
from kling_daemon.cli.output import printable

if TYPE_CHECKING:
    from kling_daemon.client.models import TimelineEntryModel, TimelineModel, UnknownModel, UpcomingModel

WIDTH = 80
_WHEN = 10
"""How wide the column of times is."""

_SOURCES = {
    "poll": "asked, Kling says",
    "submission": "Kling answers the create:",
    "cancellation": "given up before it was sent:",
    "abandonment": "given up by a person:",
    "callback": "a signed callback says",
}
_EFFECTS = {
    "advanced": "which is news",
    "merged": "with new details",
    "unchanged": "which was known",
    "contradicted": "which contradicts what stands",
    "ignored": "which was no use",
}
_VERDICTS = {
    "hint": "a callback without proof changes nothing; Kling is asked",
    "unreadable": "a signed callback that cannot be read; it is kept",
}
_FINDINGS = {
    "doubtful": ", nor those that were made around it: the key may be one of another account",
    "alone": ", and no other job was made around it that could tell whether the key is the right one",
}
_OUTCOMES = {
    "acknowledged": "done",
    "failed": "failed",
    "postponed": "asked for a later time",
    "rejected": "refused it for good",
    "interrupted": "was cut off as the daemon stopped",
    "exhausted": "was not called again",
    "lost": "was lost with the daemon",
}


def story(timeline: "TimelineModel", now: datetime) -> Iterator[str]:
    """Yield the lines, none wider than 80 columns unless one word is."""
    began = timeline.created_at
    yield from _wrapped("job", f"{timeline.id}, {_where_it_stands(timeline)}")
    yield from _wrapped("task id", timeline.task_id or "none yet")
    yield from _wrapped("endpoint", timeline.endpoint or "unknown: Kling never says")
    yield from _wrapped("created", moment(began))
    yield ""
    if not timeline.complete:
        yield from _wrapped("", "(what happened before is left out)")
    for entry in timeline.entries:
        yield from _wrapped(f"+{brief(entry.at - began)}", _happened(entry))
    if timeline.callback_missed:
        yield from _wrapped("", "(no callback came for its end; a poll found it)")
    if timeline.contradicted:
        yield from _wrapped(
            "",
            "(Kling told of another end as well, or of other results; the first end stands, "
            "and the results that it tells when it is asked)",
        )
    yield ""
    if not timeline.upcoming:
        yield from _wrapped("next", "nothing: all is done")
    for upcoming in timeline.upcoming:
        yield from _wrapped(*_comes(upcoming, timeline, now))


def _where_it_stands(timeline: "TimelineModel") -> str:
    words = str(timeline.state)
    if timeline.finished_at is not None:
        words += f" after {brief(timeline.finished_at - timeline.created_at)}"
    return ": ".join(filter(None, (words, timeline.reason, timeline.message)))


def _happened(entry: "TimelineEntryModel") -> str:
    match entry.kind:
        case "created":
            return _created(entry)
        case "callback":
            return _called_back(entry)
        case "report":
            said = _SOURCES.get(entry.source or "", f"by {entry.source}:")
            return f"{said} {_said(entry)}"
        case "event":
            before = f"{entry.previous_state} → " if entry.previous_state else ""
            return f"{entry.type} ({before}{entry.state})"
        case "attempt":
            return _attempted(entry)
    return entry.kind  # a newer daemon's


def _created(entry: "TimelineEntryModel") -> str:
    if entry.source != "submitted":
        return "created by another program, and tracked here since Kling told of it"
    times = "" if not entry.count else ", sent once" if entry.count == 1 else f", sent or looked up {entry.count} times"
    return f"created here{times}"


def _called_back(entry: "TimelineEntryModel") -> str:
    if entry.verdict == "believed":
        words = f"callback, believed: {_said(entry)}"
    else:
        words = _VERDICTS.get(entry.verdict or "", f"callback, {entry.verdict}")
    if entry.count is not None and entry.count > 1:
        over = f" within {brief(entry.until - entry.at)}" if entry.until is not None else ""
        words += f" (came {entry.count} times{over})"
    return words


def _said(entry: "TimelineEntryModel") -> str:
    state = entry.state or "a status that is not known here"
    return ", ".join(filter(None, (state, _EFFECTS.get(entry.effect or "", entry.effect))))


def _attempted(entry: "TimelineEntryModel") -> str:
    outcome = _OUTCOMES.get(entry.outcome or "", entry.outcome)
    took = f" after {brief(entry.until - entry.at)}" if entry.until is not None else ""
    error = f": {entry.error}" if entry.error else ""
    return f"  {entry.handler}, {entry.type}, attempt {entry.attempt}: {outcome}{took}{error}"


def _comes(upcoming: "UpcomingModel", timeline: "TimelineModel", now: datetime) -> tuple[str, str]:
    when = f"in {brief(upcoming.at - now)}" if upcoming.at > now else "now"
    match upcoming.kind:
        case "submission":
            doubt = {"ambiguous": "the create is looked up at Kling", "sending": "the create is on its way"}
            error = f"; the last time: {upcoming.error}" if upcoming.error else ""
            return when, doubt.get(upcoming.state or "", "the create is sent to Kling") + error
        case "poll":
            asked = f"; asked {timeline.polls} times since the last news by callback" if timeline.polls > 1 else ""
            unknown = _unknown(timeline.unknown) if timeline.unknown is not None else ""
            rarely = "; it is overdue, so this happens once an hour or a day" if timeline.overdue else ""
            return when, f"Kling is asked how it stands, unless a callback comes first{unknown or asked}{rarely}"
        case "hint":
            return "soon", "Kling is asked, since somebody named the task without proof"
        case "delivery":
            return _delivery_comes(upcoming, when, now)
    return when, upcoming.kind


def _unknown(unknown: "UnknownModel") -> str:
    times = "once" if unknown.answers == 1 else f"{unknown.answers} times in a row"
    doubt = _FINDINGS.get(unknown.finding or "", "")
    return f"; Kling has not known it {times} since {moment(unknown.since)}{doubt}"


def _delivery_comes(upcoming: "UpcomingModel", when: str, now: datetime) -> tuple[str, str]:
    what = f"{upcoming.handler}, {upcoming.type}"
    number = upcoming.attempt or 0
    match upcoming.state:
        case "running":
            return "now", f"{what}: attempt {number} has been running for {brief(now - upcoming.at)}"
        case "dead":
            return "never", f"{what}: given up; `kling-daemon deliveries retry {upcoming.delivery}` gives it again"
        case "parked":
            return "parked", f"{what}: waits until the handler is configured again"
        case "suspect":
            return (
                "waits",
                f"{what}: was lost with the daemon twice or more; waits until another such one has run",
            )
    if upcoming.waits_for:
        names = ["its turn after an earlier event" if name == upcoming.handler else name for name in upcoming.waits_for]
        return "waits", f"{what}: waits for {' and '.join(names)}"
    return when, f"{what}: attempt {number + 1}"


def _wrapped(when: str, text: str) -> list[str]:
    indent = " " * _WHEN + "  " * text.startswith("  ")
    return textwrap.wrap(
        printable(text.strip()), WIDTH,
        initial_indent=f"{when} ".ljust(_WHEN) + indent[_WHEN:], subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
