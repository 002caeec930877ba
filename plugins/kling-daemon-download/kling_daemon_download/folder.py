"""A directory that nothing leaves: every step down is taken by descriptor and no symbolic link is followed.

All of it blocks and is called in threads. Each call opens what it needs and closes it again, so that a thread that
outlives the attempt that started it holds nothing that anybody else closes.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

Components = tuple[str, ...]
"""A path below the folder: plain names, none of them empty, `.` or `..`."""

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A directory tree on disk. Every method raises OSError, with a path that a person recognises."""

    root: Path
    """The directory; it may itself be reached through symbolic links, for the operator chose it."""
    keep_free: int = 0
    """How many bytes of the disk are left to others: what would take some of them meets a full disk."""

    def require_room(self, size: int) -> None:
        """Raise OSError, as on a full disk, unless so many bytes more leave the others theirs."""
        found = os.statvfs(self.root)
        free = found.f_bavail * found.f_frsize
        if free - size < self.keep_free:
            words = (
                f"{size:,} bytes more would leave less than {self.keep_free:,} (keep_free) of {free:,} that are free"
            )
            raise OSError(errno.ENOSPC, words, str(self.root))

    def read(self, path: Components, *, limit: int) -> bytes | None:
        """Return a small file's content; None when there is none or it is longer than the limit."""
        try:
            with self._file(path, os.O_RDONLY) as file:
                return os.read(file, limit) if os.fstat(file).st_size <= limit else None
        except FileNotFoundError:
            return None

    def size(self, path: Components) -> int | None:
        """Return a file's size in bytes; None when there is none."""
        try:
            with self._file(path, os.O_RDONLY) as file:
                return os.fstat(file).st_size
        except FileNotFoundError:
            return None

    def digest(self, path: Components) -> "hashlib._Hash":
        """Return the SHA-256 over a file, open for more."""
        digest = hashlib.sha256()
        with self._file(path, os.O_RDONLY) as file:
            while block := os.read(file, _BLOCK):
                digest.update(block)
        return digest

    def create(self, path: Components, content: bytes = b"") -> None:
        """Make a file anew, replacing one of that name, and the directories above it. Not durable by itself."""
        self.remove(path)
        with self._file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, make=True) as file:
            _write(file, content, 0)

    def append(self, path: Components, content: bytes | bytearray, *, offset: int) -> None:
        """Write into a file that exists, at its end; the same call again changes nothing."""
        self.require_room(len(content))
        with self._file(path, os.O_WRONLY) as file:
            _write(file, content, offset)

    def move(self, source: Components, target: Components) -> None:
        """Give a file its final name, replacing what is there, so that it survives a loss of power with its content."""
        with self._file(source, os.O_RDONLY) as file:
            os.fsync(file)
        with (
            self._directory(source[:-1]) as source_directory,
            self._directory(target[:-1], make=True) as target_directory,
            self._named(target),
        ):
            os.rename(source[-1], target[-1], src_dir_fd=source_directory, dst_dir_fd=target_directory)
            os.fsync(target_directory)

    def remove(self, path: Components) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError), self._directory(path[:-1]) as directory, self._named(path):
            os.unlink(path[-1], dir_fd=directory)

    def older_than(self, moment: float, path: Components) -> list[str]:
        """Return the names in a directory that were last written before a moment (unix seconds)."""
        with self._directory(path) as directory, os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.stat(follow_symlinks=False).st_mtime < moment]

    @contextmanager
    def _file(self, path: Components, flags: int, *, make: bool = False) -> Iterator[int]:
        """Open a plain file for a while."""
        with self._directory(path[:-1], make=make) as directory, self._named(path):
            file = _open(path[-1], flags, directory)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise OSError(errno.EINVAL, "not a plain file")
                yield file
            finally:
                os.close(file)

    @contextmanager
    def _directory(self, path: Components, *, make: bool = False) -> Iterator[int]:
        """Open a directory for a while, having made it and those above it if asked to."""
        with self._named(()):
            directory = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for depth, name in enumerate(path, 1):
                with self._named(path[:depth]):
                    child = _enter(directory, name, make=make)
                os.close(directory)
                directory = child
            yield directory
        finally:
            os.close(directory)

    @contextmanager
    def _named(self, path: Components) -> Iterator[None]:
        """Put the whole path into errors, where a call by descriptor knows only the last name."""
        if any(name in ("", ".", "..") or "/" in name or "\0" in name for name in path):
            raise OSError(errno.EINVAL, "not a path below the directory", "/".join(path))
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.root.joinpath(*path))) from error


def _enter(directory: int, name: str, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=directory)
            os.fsync(directory)
    return _open(name, os.O_RDONLY | os.O_DIRECTORY, directory)


def _open(name: str, flags: int, directory: int) -> int:
    try:
        # Without O_NONBLOCK a pipe of that name would wait for its other end.
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode):
            raise OSError(error.errno, "a symbolic link, which is not followed") from None
        raise


def _write(file: int, content: bytes | bytearray, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
