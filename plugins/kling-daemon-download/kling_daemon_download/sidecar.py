"""The record of a job and its files, which proves on a repeat what has been saved already."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from kling_daemon.plugin import JobEvent
from kling_daemon_download.folder import Components, Folder
from kling_daemon_download.names import unsigned
from kling_daemon_download.part import PARTIAL

SCHEMA_VERSION = 1
_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file that is on disk, whole and durable."""

    index: str
    """Its name within the job."""
    role: str
    path: str
    """Where it is below the downloader's directory."""
    size: int
    sha256: str
    url: str
    """Where it came from, without the signature."""

    def as_json(self) -> dict[str, Any]:
        """Return its form in the sidecar and in the delivery's memory."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Self | None:
        """Read what `as_json` wrote; None for anything else."""
        try:
            index, role, path, sha256, url = (str(data[key]) for key in ("index", "role", "path", "sha256", "url"))
            size = int(data["size"])
        except (LookupError, TypeError, ValueError):
            return None
        return cls(index=index, role=role, path=path, size=size, sha256=sha256, url=url)

    def is_on_disk(self, folder: Folder) -> bool:
        """True when the file is there with every byte as it was; blocks while it is read."""
        path = tuple(self.path.split("/"))
        try:
            return folder.size(path) == self.size and folder.digest(path).hexdigest() == self.sha256
        except OSError:
            return False


def read_sidecar(folder: Folder, path: Components) -> list[SavedFile] | None:
    """Return the files that a sidecar names; None when there is no sidecar or it is damaged."""
    content = folder.read(path, limit=_LIMIT)
    try:
        data = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, list):
        return None
    return [saved for file in files if (saved := SavedFile.from_json(file)) is not None]


def write_sidecar(folder: Folder, path: Components, event: JobEvent, files: list[SavedFile]) -> None:
    """Write the record, whole or not at all; it survives a loss of power."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "event": _without_signatures(event.as_json()),
        "files": [file.as_json() for file in files],
    }
    temporary = (PARTIAL, f"{path[-1]}.new")
    try:
        folder.create(temporary, json.dumps(record, indent=2, ensure_ascii=False).encode())
        folder.move(temporary, path)
    except OSError:
        folder.remove(temporary)
        raise


def _without_signatures(value: Any) -> Any:
    """Return JSON with every `url` cut before its query: an archive is kept longer, and shown to more, than a URL."""
    if isinstance(value, Mapping):
        return {
            key: unsigned(inner) if key == "url" and isinstance(inner, str) else _without_signatures(inner)
            for key, inner in value.items()
        }
    return [_without_signatures(inner) for inner in value] if isinstance(value, list) else value
