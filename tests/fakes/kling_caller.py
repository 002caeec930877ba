"""Speaks to a (simulated) Kling as any client would: creates, queries, and what a test wants to spoil."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

NEW_VIDEO = "/text-to-video/kling-3.0"
NEW_IMAGE_TO_VIDEO = "/image-to-video/kling-2.6"
LEGACY_VIDEO = "/v1/videos/text2video"
LEGACY_IMAGE_TO_VIDEO = "/v1/videos/image2video"
LEGACY_IMAGE = "/v1/images/generations"


@dataclass(frozen=True, slots=True)
class KlingCaller:
    session: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, key: str = "simulator") -> AsyncIterator[Self]:
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(url, headers=headers) as session:
            yield cls(session)

    async def call(self, method: str, path: str, **given: Any) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the JSON body, whatever they are."""
        async with self.session.request(method, path, **given) as answer:
            return answer.status, await answer.json()

    async def create(self, path: str, **body: Any) -> dict[str, Any]:
        """Create a job and return the answer's `data`."""
        status, answer = await self.call("POST", path, json={"prompt": "a lighthouse"} | body)
        assert status == 200, answer
        return answer["data"]

    async def tasks(self, **query: str) -> list[dict[str, Any]]:
        """Return the entries of `GET /tasks`."""
        status, answer = await self.call("GET", "/tasks", params=query)
        assert status == 200, answer
        return answer["data"]
