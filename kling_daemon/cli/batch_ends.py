"""What a batch has come to: counted as its jobs end, and written to a file line by line, each job once."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from kling_daemon.client.models import JobModel


class BatchEnds:
    """The ends of a batch's jobs, so far."""

    def __init__(self, file: BinaryIO | None = None, written: frozenset[str] = frozenset()) -> None:
        """Take the file to append to, and the ids of the jobs that an earlier run has written there."""
        self.succeeded = 0
        self.failed: Counter[str] = Counter()
        """How many failed, by reason."""
        self._cost: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
        self._file = file
        self._written = written

    def take(self, job: "JobModel") -> None:
        """Count a job when it has ended, and write it down."""
        if not job.has_ended:
            return
        if job.reason is None:
            self.succeeded += 1
        else:
            self.failed[job.reason] += 1
        for charge in job.cost:
            self._cost[charge.kind, charge.unit] += Decimal(charge.amount)
        if self._file is not None and job.id not in self._written:
            self._file.write(json.dumps(job.as_json()).encode() + b"\n")
            self._file.flush()

    def cost(self) -> list[dict[str, Any]]:
        """Return what all of them cost, each kind and unit by itself."""
        return [
            {"kind": kind, "amount": f"{amount:f}", "unit": unit}
            for (kind, unit), amount in sorted(self._cost.items(), key=str)
            if amount
        ]


@contextmanager
def ends_in(path: Path | None) -> Iterator[BatchEnds]:
    """Open the file for the ends; what stands in it stays. A usage error when it cannot be opened.

    A line that an interrupted run has left half is ended first, so that it spoils no other.
    """
    if path is None:
        yield BatchEnds()
        return
    if path.exists() and not path.is_file():  # what was written is read first, and a pipe or device has no end
        raise click.UsageError(f"{path} is no file, which --output needs; --json prints a summary")
    try:
        opened = path.open("a+b")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
    with opened as file:
        file.seek(0)
        lines = list(file)
        if lines and not lines[-1].endswith(b"\n"):
            file.write(b"\n")
        yield BatchEnds(file, frozenset(id_ for line in lines if (id_ := _id_in(line)) is not None))


def _id_in(line: bytes) -> str | None:
    try:
        job = json.loads(line)
    except ValueError:
        return None
    return job.get("id") if isinstance(job, dict) else None
