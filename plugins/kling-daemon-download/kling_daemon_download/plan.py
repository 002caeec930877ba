"""Which files of a job are to be saved, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from kling_daemon.plugin import Job, Output, OutputFile
from kling_daemon_download.names import safe
from kling_daemon_download.template import PathTemplate

_WATERMARK = "watermark"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file that is to be saved."""

    index: str
    """Its name within the job: the number of its output from 0, and the role behind it for a further file: `0-wav`."""
    file: OutputFile
    template: PathTemplate
    values: dict[str, str]

    def path(self, ext: str) -> tuple[str, ...]:
        """Return where it goes, once its extension is known."""
        return self.template.render({**self.values, "ext": ext})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be saved of one job; the same each time it is made."""

    files: tuple[PlannedFile, ...]
    sidecar: tuple[str, ...]
    """Where the record of the job goes: beside the first file."""

    @classmethod
    def of(cls, job: Job, template: PathTemplate, *, watermarked: bool) -> "Plan":
        """Plan a job's files."""
        files = tuple(_files(job, template, watermarked=watermarked))
        first = files[0].values if files else _values(job, "0", "none", "none")
        folder = template.render({**first, "ext": ""})[:-1]
        return cls(files=files, sidecar=(*folder, f"{safe(job.id)}.job.json"))


def _files(job: Job, template: PathTemplate, *, watermarked: bool) -> Iterator[PlannedFile]:
    taken: set[str] = set()
    for number, output in enumerate(job.outputs):
        for file in _wanted(output, watermarked=watermarked):
            index = str(number)
            if index in taken:
                index = _free(f"{number}-{safe(file.role)}", taken)
            taken.add(index)
            values = _values(job, index, output.type, file.role)
            yield PlannedFile(index=index, file=file, template=template, values=values)


def _wanted(output: Output, *, watermarked: bool) -> list[OutputFile]:
    """Return an output's files; a watermarked one only on demand or where there is no other."""
    clean = [file for file in output.files if file.role != _WATERMARK]
    return list(output.files) if watermarked or not clean else clean


def _free(index: str, taken: set[str]) -> str:
    """Return the index, numbered when Kling gave two files of an output the same role."""
    candidate, repeat = index, 1
    while candidate in taken:
        repeat += 1
        candidate = f"{index}-{repeat}"
    return candidate


def _values(job: Job, index: str, kind: str, role: str) -> dict[str, str]:
    """Return what a template may hold, each as a safe name."""
    return {
        "date": job.created_at.astimezone(UTC).date().isoformat(),
        "job_id": safe(job.id),
        "task_id": safe(job.task_id or job.id),
        "external_id": safe(job.external_id or "none"),
        "model": safe(job.model or "unknown"),
        "index": index,
        "type": safe(kind),
        "role": safe(role),
    }
