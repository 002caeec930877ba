"""Signed callbacks about ever new tasks, posted to a real daemon, and what it has promised by its answers."""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from fakes.daemon_process import DaemonProcess


class SignedCallbacks:
    """Each is about a task of its own, so that whatever was answered 200 can be looked for."""

    def __init__(self) -> None:
        self.promised: set[str] = set()
        """The tasks about which a callback was answered 2xx."""
        self._number = 0

    async def post(self, daemon: DaemonProcess, *, size: int = 100) -> int:
        """Post one, and return the status of the answer, which is 200, or 503 with when to come again."""
        self._number += 1
        return await self._post(daemon, f"t{self._number}", size)

    async def post_again(self, daemon: DaemonProcess) -> list[int]:
        """Post once more what was promised, as Kling would."""
        return [await self._post(daemon, task_id, 100) for task_id in sorted(self.promised)]

    async def _post(self, daemon: DaemonProcess, task_id: str, size: int) -> int:
        body = json.dumps({"id": task_id, "status": "succeeded", "update_time": 1, "message": "x" * size}).encode()
        answer = await daemon.post_signed(body, webhook_id=task_id)
        if answer.status == 200:
            self.promised.add(task_id)
        else:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        return answer.status

    async def post_each(self, daemon: DaemonProcess, count: int) -> list[int]:
        """Post several, one after the other."""
        return [await self.post(daemon) for _ in range(count)]


def stored_tasks(state: Path) -> set[str]:
    """Return the tasks that a state directory holds; a copy is looked at, so that nothing is changed by the look."""
    with tempfile.TemporaryDirectory() as copy:
        for file in ("kling.db", "kling.db-wal"):
            if (state / file).exists():
                shutil.copy(state / file, copy)
        with closing(sqlite3.connect(f"{copy}/kling.db")) as reader:
            return {task_id for (task_id,) in reader.execute("SELECT task_id FROM jobs WHERE task_id IS NOT NULL")}
