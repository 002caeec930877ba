"""A file on its way: what has come so far, and what is needed to go on after a break or a restart."""

import functools
import hashlib
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from kling_daemon_download.folder import Components, Folder

PARTIAL = ".partial"
"""The directory, below the downloader's own, of files that are not whole yet; no template leads into it."""

_NOTE_LIMIT = 64 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known of the file that is being fetched, kept beside its `.part`."""

    url: str
    """Where it comes from, without the query."""
    validator: str | None
    """A strong ETag or a Last-Modified date (RFC 9110, 13.1.5); None when the server gave neither."""
    size: int | None
    """How long it will be, in bytes; None when the server did not say."""
    ext: str
    boot: str
    """The machine's boot. A `.part` is not synced, so after a loss of power its bytes are not to be believed."""

    @classmethod
    def read(cls, content: bytes) -> Self | None:
        """Read what `write` gave; None for anything else."""
        try:
            return cls(**json.loads(content))
        except (ValueError, TypeError):
            return None

    def write(self) -> bytes:
        """Return its form on disk."""
        return json.dumps(asdict(self)).encode()


class Part:
    """One `.part` and its note. All of it blocks and is called in threads, one call at a time."""

    def __init__(self, folder: Folder, name: str) -> None:
        """Take a safe name that no other file on its way has."""
        self._folder = folder
        self._path: Components = (PARTIAL, f"{name}.part")
        self._note_path: Components = (PARTIAL, f"{name}.note")
        self._digest = hashlib.sha256()
        self.note: Note | None = None
        """What is being fetched; None when nothing has been begun."""
        self.size = 0
        """How many bytes have come."""

    @property
    def sha256(self) -> str:
        """The SHA-256 over what has come, in hex."""
        return self._digest.hexdigest()

    @property
    def is_whole(self) -> bool:
        """True when every announced byte has come."""
        return self.note is not None and self.note.size == self.size

    def recover(self, url: str) -> None:
        """Take up what an earlier attempt left of this URL (without its query), unless it is not to be believed."""
        content = self._folder.read(self._note_path, limit=_NOTE_LIMIT)
        note = Note.read(content) if content is not None else None
        size = self._folder.size(self._path)
        if note is None or not size or note.url != url or note.boot != boot_id():
            return
        if note.size != size and (note.validator is None or (note.size is not None and note.size < size)):
            return
        self._digest = self._folder.digest(self._path)
        self.note, self.size = note, size

    def begin(self, note: Note) -> None:
        """Start anew. The old bytes go before the new note comes: a crash in between leaves nothing to mix up.

        A file that is announced to be too large for the disk is not begun.
        """
        self.discard()
        self._folder.require_room(note.size or 0)
        self._folder.create(self._path)
        self._folder.create(self._note_path, note.write())
        self.note = note

    def append(self, content: bytes | bytearray) -> None:
        """Add what has come."""
        self._folder.append(self._path, content, offset=self.size)
        self._digest.update(content)
        self.size += len(content)

    def finish(self, target: Components) -> None:
        """Give the whole file its place, durably."""
        self._folder.move(self._path, target)
        self._folder.remove(self._note_path)

    def discard(self) -> None:
        """Forget what has come and free its space."""
        self._folder.remove(self._path)
        self._folder.remove(self._note_path)
        self._digest, self.size, self.note = hashlib.sha256(), 0, None


@functools.cache
def boot_id() -> str:
    """Return what the kernel draws at each boot.

    Where it is hidden (systemd's `ProcSubset=pid` does that), what this process draws: then no part outlives a restart.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{uuid.uuid4()}"
