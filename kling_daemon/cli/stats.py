"""`kling-daemon stats`: how the daemon is doing, beginning with what a person should look at."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.durations import brief
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client.models import PunctualityModel, SecretModel, StatsModel

CALLBACK_HEADINGS = ("CALLBACKS OF", "MODEL", "DUE", "MISSED", "LATE", "USUALLY AFTER", "POLLED AFTER")
NOTICE_HEADINGS = ("NOTICE", "SINCE", "ABOUT", "MESSAGE")


@click.command()
@json_option
@where_options
@pass_where
def stats(where: Where, *, as_json: bool) -> None:
    """Show the open notices, jobs, deliveries and callbacks in numbers, and how well callbacks came lately."""
    found = talk(where, lambda daemon: daemon.stats())
    if as_json:
        print_json(found.as_json())
        return
    if found.notices:
        from kling_daemon.cli.job_views import moment

        rows = [(notice.kind, moment(notice.raised_at), notice.subject, notice.message) for notice in found.notices]
        print_table(NOTICE_HEADINGS, rows)
        click.echo()
    print_facts(_facts(found))
    if found.punctuality:
        click.echo()
        print_table(CALLBACK_HEADINGS, [_callbacks(kind) for kind in found.punctuality])


def _callbacks(kind: "PunctualityModel") -> tuple[str, ...]:
    usual = "-" if kind.usual_delay_seconds is None else _seconds(kind.usual_delay_seconds)
    after = _seconds(kind.polled_after_seconds)
    return kind.endpoint or "-", kind.model or "-", str(kind.jobs), str(kind.missed), str(kind.late), usual, after


def _seconds(seconds: float) -> str:
    return brief(timedelta(seconds=seconds))


def _facts(found: "StatsModel") -> list[tuple[str, str]]:
    return [
        ("notices", "" if found.notices else "none"),
        ("jobs", _counted(found.jobs) or "none"),
        ("overdue", str(found.overdue) if found.overdue else ""),
        *((f"to {handler}", _counted(states)) for handler, states in sorted(found.deliveries.items())),
        ("callbacks", _counted(found.callbacks) or "none"),
        *((f"signed with {secret.name}", _use(secret)) for secret in found.secrets),
        ("missed", str(sum(missed.jobs for missed in found.missed_callbacks)) if found.missed_callbacks else ""),
        ("hints", str(found.hints) if found.hints else ""),
        ("requests", _counted(found.kling_requests)),
    ]


def _use(secret: "SecretModel") -> str:
    from kling_daemon.cli.job_views import moment

    last = "never" if secret.last_at is None else moment(secret.last_at)
    return f"{secret.callbacks}, last {last}" + ("" if secret.configured else "; no longer configured")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())
