"""Leaves a state directory whose deliveries are suspects: lost with the daemon twice."""

from datetime import timedelta
from pathlib import Path

from fakes.stored_news import news, opened, record_all

from kling_daemon.store import Registration


async def leave_suspects(directory: Path, *handlers: Registration, jobs: int = 1) -> None:
    """Let so many jobs complete, from `t1` on, and the daemon end twice while their deliveries to the handlers run."""
    async with opened(directory) as store:
        await store.register_handlers(handlers)
        await record_all(store, [news(f"t{number}") for number in range(1, jobs + 1)])
    for _ in range(2):
        async with opened(directory) as store:
            for handler in handlers:
                assert len(await store.claim(handler.name, limit=jobs, lease=timedelta(minutes=1))) == jobs
