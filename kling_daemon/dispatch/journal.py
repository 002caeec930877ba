"""A delivery's memory between its attempts, kept in the store."""

from dataclasses import dataclass
from typing import Any

from kling_daemon.store import Store


@dataclass(frozen=True, slots=True)
class StoreJournal:
    """The `Journal` of one delivery."""

    store: Store
    delivery_id: int

    async def load(self, step: str) -> Any:
        """Return what was saved under this name, or None."""
        return await self.store.load_step(self.delivery_id, step)

    async def save(self, step: str, value: Any) -> None:
        """Commit a JSON value under this name; it replaces an earlier one."""
        await self.store.save_step(self.delivery_id, step, value)
