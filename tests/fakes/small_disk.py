"""A real disk that is small: a tmpfs in a mount namespace of its own, which nobody else sees."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MIB = 1024**2
_HOLD = 'mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && exec sleep infinity'


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A tmpfs, from outside and from inside."""

    mounted_at: Path
    """Where it is for a program that runs inside."""
    holder: int

    @property
    def path(self) -> Path:
        """Where it is for the test."""
        return Path(f"/proc/{self.holder}/root{self.mounted_at}")

    @property
    def within(self) -> tuple[str, ...]:
        """The words before a command that shall run inside."""
        return ("nsenter", "-t", str(self.holder), "-U", "-m", "--preserve-credentials")

    def resize(self, size: int) -> None:
        """Make it larger or smaller, as long as what it holds finds room."""
        options = f"remount,size={size}"
        subprocess.run([*self.within, "mount", "-o", options, str(self.mounted_at)], check=True)

    def allow_writing(self, *, allowed: bool) -> None:
        """Mount it anew so that it can be written to, or only be read; nobody may have a file of it open to write."""
        options = f"remount,{'rw' if allowed else 'ro'}"
        subprocess.run([*self.within, "mount", "-o", options, str(self.mounted_at)], check=True)

    def use_up_inodes(self, *, but: int = 0) -> None:
        """Make empty files until only so many more can be made."""
        for _ in range(os.statvfs(self.path).f_favail - but):
            os.close(tempfile.mkstemp(prefix="empty-", dir=self.path)[0])

    def free_inodes(self) -> None:
        """Remove those files."""
        for file in self.path.glob("empty-*"):
            file.unlink()

    def free(self) -> int:
        return shutil.disk_usage(self.path).free

    def fill(self, *, but: int = 0) -> None:
        """Use up all but so many bytes, in a file `ballast`; what was in that file before is free again."""
        ballast = self.path / "ballast"
        ballast.unlink(missing_ok=True)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - but)

    def make_room(self) -> None:
        """Take the ballast away."""
        (self.path / "ballast").unlink()


@contextmanager
def small_disk(at: Path, *, size: int, options: str = "") -> Iterator[SmallDisk]:
    """Mount a tmpfs of so many bytes on a directory; the test is skipped where nobody may, which fails it in CI."""
    at.mkdir(parents=True, exist_ok=True)
    given = f"size={size},mode=0700{options}"
    command = ["unshare", "-r", "-m", "sh", "-c", _HOLD, "sh", given, str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if not holder.stdout.readline():
                pytest.skip(f"no tmpfs can be mounted here: {holder.stderr.read().decode().strip()}")
            yield SmallDisk(at, holder.pid)
        finally:
            holder.kill()
