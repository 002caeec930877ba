"""A Kling on a real socket that knows the tasks that a test tells it of, and may be broken in several ways."""

from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope, task

OUTAGES = {
    "maintenance": (503, envelope(None, 5001, "maintenance")),
    "an error": (500, envelope(None, 5000, "error")),
    "too fast": (429, envelope(None, 1302, "too fast")),
    "no key": (401, envelope(None, 1000, "no")),
    "no envelope": (502, {}),
}


class KnowingKling(ScriptedKling):
    """Knows the tasks that a test tells it; says of all others that it does not."""

    def __init__(self):
        super().__init__(answer=self.serve_tasks)
        self.tasks: dict[str, dict] = {}
        self.solutions: dict[str, dict] | None = {}
        """None where this host has no `/solutions`."""
        self.broken: tuple[int, dict] | None = None
        self.refused: set[str] = set()
        """Ids that make Kling refuse the whole request."""
        self.unanswerable: set[str] = set()
        """Ids that make Kling fail to answer the whole request."""
        self.elsewhere: dict[str, tuple[int, dict]] = {}
        """Answers to legacy queries, by path."""

    def knows(self, task_id, status="processing", **more):
        self.tasks[task_id] = task(task_id, status, **more)

    @property
    def batches(self):
        return self._asked_at("/tasks")

    @property
    def solution_batches(self):
        return self._asked_at("/solutions")

    def _asked_at(self, place):
        begin = f"{place}?task_ids="
        return [
            sorted(asked.path.removeprefix(begin).split(",")) for asked in self.asked if asked.path.startswith(begin)
        ]

    async def serve_tasks(self, request):
        if self.broken is not None:
            return web.json_response(self.broken[1], status=self.broken[0])
        if request.path == "/solutions" and self.solutions is None:
            return web.json_response(envelope(None, 1203, "no such resource"), status=404)
        if request.path == "/solutions" and request.path not in self.elsewhere:
            ids = request.query["task_ids"].split(",")
            return web.json_response(envelope([self.solutions[id_] for id_ in ids if id_ in self.solutions]))
        if request.path != "/tasks":
            status, answer = self.elsewhere.get(request.path, (400, envelope(None, 1201, "Task not found by id")))
            return web.json_response(answer, status=status)
        ids = request.query["task_ids"].split(",")
        if self.unanswerable.intersection(ids):
            return web.json_response(envelope(None, 5000, "server error"), status=500)
        if self.refused.intersection(ids):
            return web.json_response(envelope(None, 1201, "task_ids is illegal"), status=400)
        return web.json_response(envelope([self.tasks[id_] for id_ in ids if id_ in self.tasks]))
