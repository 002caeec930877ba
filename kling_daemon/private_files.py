"""Makes files that hold secrets: for their owner alone, and whole or not at all."""

import os
import tempfile
from pathlib import Path


def make_private_file(path: Path, content: bytes) -> None:
    """Write a new file, mode 0600; where there is one already, it stays.

    It appears complete and synced or not at all, also when the machine fails meanwhile or somebody else makes it at the
    same time. Raises OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # made with mode 0600
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)  # unlike a rename it fails where there is one already
        except FileExistsError:
            return
    finally:
        unfinished.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
