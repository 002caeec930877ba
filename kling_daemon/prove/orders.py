"""The jobs of a campaign: some asked for at the daemon, some made at Kling behind its back."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kling_daemon.client import DaemonError, DaemonUnreachableError
from kling_daemon.kling.endpoints import endpoint_of, with_field
from kling_daemon.prove.facts import until
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.witness import FOLLOWED

_LEGACY = ("/v1/videos/text2video", "/v1/images/generations")
_PATHS = ("/text-to-video/kling-3.0", "/image-to-video/kling-2.6", *_LEGACY)
_HANDS = 8
_UNPROCESSABLE = 422
_TAKEN = "is already that of job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job to be made exactly once, whatever happens on the way."""

    path: str
    body: dict[str, Any]
    external_id: str
    through_daemon: bool
    """Submitted through the daemon's API; else created at Kling, with the daemon's plain callback URL."""
    is_keyed: bool = False
    """Submitted under an idempotency key: asked for again, it is answered with its job."""


def orders(dice: random.Random, count: int, *, name: str = "order", legacy: bool = False) -> list[Order]:
    """Return so many orders, no two of them alike. legacy: of the legacy API alone, which a key pair opens."""
    made = []
    for number in range(count):
        path, through_daemon = dice.choice(_LEGACY if legacy else _PATHS), dice.random() < 0.5  # noqa: PLR2004 - either way
        followed = FOLLOWED if dice.random() < 0.1 else ""  # noqa: PLR2004 - some
        made.append(
            Order(
                path=path,
                body={"prompt": f"{name} {number}"},
                external_id=f"{name}-{number}{followed}",
                through_daemon=through_daemon,
                is_keyed=dice.random() < 0.5,  # noqa: PLR2004 - either way
            )
        )
    return made


class Placing:
    """Places orders, as many as are allowed so far; one that got no clear answer is placed again with the same id."""

    def __init__(self, wanted: Sequence[Order], daemon: PrivateDaemon, kling: SimulatedKling) -> None:
        """Take what to place, and where."""
        self._left = list(reversed(wanted))
        self._daemon = daemon
        self._kling = kling
        self._allowed = asyncio.Semaphore(0)

    def allow(self, count: int) -> None:
        """Let so many more orders be placed."""
        for _ in range(count):
            self._allowed.release()

    async def run(self) -> None:
        """Return when all orders are placed."""
        async with asyncio.TaskGroup() as tasks:
            for hand in range(min(_HANDS, len(self._left))):
                tasks.create_task(self._work(), name=f"placing {hand}")

    async def _work(self) -> None:
        while self._left:
            order = self._left.pop()
            await self._allowed.acquire()
            place = self._ask_daemon if order.through_daemon else self._ask_kling
            await until(partial(place, order))

    async def _ask_daemon(self, order: Order) -> bool:
        try:
            async with self._daemon.client() as client:
                key = order.external_id if order.is_keyed else None
                await client.submit(order.path, order.body, external_id=order.external_id, idempotency_key=key)
        except (OSError, DaemonUnreachableError):
            return False
        except DaemonError as error:
            if error.status != _UNPROCESSABLE:
                return False
            if _TAKEN in error.detail and not order.is_keyed:
                return True
            raise
        return True

    async def _ask_kling(self, order: Order) -> bool:
        endpoint = endpoint_of(order.path)
        body = with_field(order.body, endpoint.external_id_field, order.external_id)
        return await self._kling.create(
            order.path, with_field(body, endpoint.callback_field, self._daemon.callback_url)
        )
