"""A replay from beginning to end: asks the daemon for one part after the other, and counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.output import print_json
from kling_daemon.clock import to_rfc3339

if TYPE_CHECKING:
    from kling_daemon.client import Daemon


@dataclass
class Replaying:
    """What is to be replayed, and how far it has come."""

    handler: str
    job: str | None
    types: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    """Once the daemon has been asked: the moment that it reckons with, so that what comes later is no part of it."""
    cursor: str | None
    first: int = 0
    again: int = 0

    @property
    def total(self) -> int:
        """How many events there are."""
        return self.first + self.again

    async def run(self, daemon: "Daemon", *, dry_run: bool) -> None:
        """Go through all parts, from the cursor on; afterwards it stands at the beginning again if it was dry."""
        self.first = self.again = 0
        begun = self.cursor
        while True:
            part = await daemon.replay(
                self.handler, job=self.job, types=self.types, since=self.since, until=self.until, cursor=self.cursor,
                dry_run=dry_run,
            )  # fmt: skip
            self.first += part.first
            self.again += part.again
            self.until, self.cursor = part.until, part.next
            if part.next is None:
                break
        if dry_run:
            self.cursor = begun

    def words(self, *, done: bool) -> str:
        """Say how many events it is about."""
        verb = "is given" if done else "would be given"
        return f"{self.handler} {verb} {self.total} events: {self.first} for the first time, {self.again} once more"

    def show(self, *, done: bool, as_json: bool) -> None:
        """Print what it came to, or would."""
        if not as_json:
            click.echo(self.words(done=done))
            return
        from kling_daemon.cli.local_answers import ReplaySumModel

        counted = {"first": self.first, "again": self.again, "until": self.until}
        summed = ReplaySumModel.model_validate({"handler": self.handler, **counted, "dry_run": not done})
        print_json(summed.as_json())

    def tell_where_it_ended(self) -> None:
        """Say how to go on after an interruption, unless it had not begun."""
        if self.cursor is not None and self.until is not None and self.total:
            click.echo(
                f"{self.words(done=True)}; go on with --cursor {self.cursor} --until {to_rfc3339(self.until)}", err=True
            )
