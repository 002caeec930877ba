"""Waiting for facts that other processes bring about: nobody rings a bell for them, so they are looked for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

_GLANCE = timedelta(milliseconds=20)


async def until(look: Callable[[], Awaitable[T]], *, glance: timedelta = _GLANCE) -> T:
    """Look again and again, with a pause between, and return the first thing seen that is true. For ever if need be."""
    while True:
        if seen := await look():
            return seen
        await asyncio.sleep(glance.total_seconds())
