"""Drops old keys of the capabilities once no job is open whose callback URL was made under them."""

from datetime import timedelta
from pathlib import Path
from typing import Self

import structlog

from kling_daemon.app.secrets import credential
from kling_daemon.store import Store
from kling_daemon.tracking import Capabilities, CapabilityKeys, load_capability_keys

log = structlog.get_logger(__name__)

LOOK = timedelta(minutes=1)
"""How often it is looked whether those jobs have ended."""


class OldKeys:
    """Watches over the old keys; what it goes by is the jobs in the store, and never time alone."""

    def __init__(self, store: Store, keys: CapabilityKeys) -> None:
        """Take the keys, and make of them what `capabilities` is."""
        self.capabilities = Capabilities(keys.current, [old.key for old in keys.old])
        self._store = store
        self._old = list(keys.old)

    @classmethod
    async def open(cls, store: Store, directory: Path) -> Self:
        """Load the keys, before any job is made; StoreError as from `load_capability_keys`."""
        last_job = await store.due.last_job()
        keys = load_capability_keys(directory, credential=credential("capability_key"), last_job=last_job)
        for old in keys.old:
            log.info("an old capability key is good until its jobs have ended", file=old.path.name)
        return cls(store, keys)

    async def look(self) -> None:
        """Drop the keys whose jobs have all ended; a file that cannot be removed is tried again."""
        for old in list(self._old):
            if await self._store.due.any_open(last_job=old.last_job):
                continue
            self.capabilities.drop(old.key)
            try:
                old.remove()
            except OSError as error:
                log.warning("an old capability key cannot be removed", file=str(old.path), error=error.strerror)
                continue
            self._old.remove(old)
            log.info("an old capability key was dropped, as its jobs have ended", file=old.path.name)
