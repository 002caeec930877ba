"""Replays of the local API: stored events are given to a handler once more, a part at a time."""

from http import HTTPStatus

from kling_daemon.api.cursors import from_cursor, to_cursor
from kling_daemon.api.jobs import find_job
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Routes, post
from kling_daemon.client.models import ReplayedModel, ReplayModel
from kling_daemon.store import EventFilter, HandlerRow, Replay, Replayed


class ReplayRoutes(Routes):
    """The route `/api/v1/handlers/{name}/replay`."""

    @post(
        "/api/v1/handlers/{name}/replay",
        problems={
            HTTPStatus.CONFLICT: "the handler takes no events of these types, or more than one job is meant",
            HTTPStatus.INSUFFICIENT_STORAGE: "the disk is nearly full; nothing was stored",
        },
    )
    async def replay_events(self, name: str, body: ReplayModel) -> ReplayedModel:
        """Give a handler a part of the stored events once more, also those that came before it did.

        What was delivered, was dropped or is dead is delivered again under the same idempotency key, with all its
        attempts; what waits or runs is left as it is. A large replay comes in parts: it is over when the same request,
        with the `next` and `until` of the last answer, is answered without a `next`.
        """
        store = self._services.store
        handler = next((row for row in await self._read.handlers() if row.name == name and row.events), None)
        if handler is None:
            raise _no_handler()
        job = await find_job(self._read, body.job) if body.job is not None else None
        wanted = EventFilter(job_id=job.id if job is not None else None, types=_types(handler, body))
        until = body.until or self._services.clock.now()
        after = await store.events.before(body.since) if body.since is not None else 0
        after = after if body.cursor is None else max(after, from_cursor(body.cursor))
        part = await store.replays.look(name, wanted, after=after, before=await store.events.before(until) + 1)
        replayed: Replayed | None = Replayed(first=len(part.first), again=len(part.again))
        if not body.dry_run and (part.first or part.again):
            self._services.reserve.require()
            replayed = await store.replay(Replay(handler=name, events=(*part.first, *part.again)))
            self._services.wake(name)
        if replayed is None:
            raise _no_handler()
        following = to_cursor(part.last) if part.last is not None else None
        return ReplayedModel(handler=name, first=replayed.first, again=replayed.again, until=until, next=following)


def _types(handler: HandlerRow, body: ReplayModel) -> frozenset[str]:
    """Return which types are replayed: those that the handler takes, or the ones that are named among them."""
    if body.types is None:
        return frozenset(handler.events)
    others = sorted(set(body.types) - set(handler.events))
    if others:
        detail = f"{handler.name} takes {', '.join(handler.events)}, and not {', '.join(others)}"
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    return frozenset(body.types)


def _no_handler() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "no handler has this name")
