"""A real file server whose every answer a test can script, and one run of the downloader against it."""

import asyncio
import hashlib
import re
from collections import deque
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kling_daemon.testing import LOOPBACK, EgressClient, make_event, make_output, run_handler
from kling_daemon_download import plugin

_PORTION = 64 * 1024


class FileServer:
    """Serves one file with `Range` and `If-Range`; an answer put into `script` is given once instead."""

    def __init__(self):
        self.content = hashlib.sha256(b"seed").digest() * 100_000
        self.headers = {"ETag": '"v1"', "Content-Type": "video/mp4"}
        self.script = deque()
        self.requests = []
        self.over = asyncio.Event()
        self.base = ""

    def url(self, path="/results/video.mp4?sign=secret"):
        return self.base + path

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    async def answer(self, request):
        self.requests.append(request)
        scripted = self.script.popleft() if self.script else self.whole
        return await scripted(request)

    async def whole(self, request):
        return await self._send(request, None)

    def breaking(self, after):
        """Answer, but close the connection in the middle of the body."""

        async def answer(request):
            response = await self._send(request, after)
            request.transport.close()
            return response

        return answer

    def stalling(self, after):
        """Answer, but send nothing more from the middle of the body on."""

        async def answer(request):
            response = await self._send(request, after)
            await self.over.wait()
            request.transport.close()
            return response

        return answer

    def status(self, status, body=b"", **headers):
        """Answer with a status and nothing else."""

        async def answer(_):
            return web.Response(
                status=status, body=body, headers={key.replace("_", "-"): headers[key] for key in headers}
            )

        return answer

    async def _send(self, request, limit):
        start, status, headers = 0, 200, dict(self.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        validators = {self.headers.get("ETag"), self.headers.get("Last-Modified")}
        if wanted and request.headers.get("If-Range") in validators:
            start, status = int(wanted[1]), 206
            if start >= len(self.content):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(self.content) - start
        await response.prepare(request)
        end = len(self.content) if limit is None else start + limit
        for position in range(start, end, _PORTION):
            await response.write(self.content[position : min(position + _PORTION, end)])
        return response


@pytest.fixture
async def server():
    served = FileServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", served.answer)
    async with TestServer(app) as running:
        served.base = str(running.make_url("")).rstrip("/")
        yield served
        served.over.set()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def download(server, folder):
    """Run one attempt at saving a job's files; without `outputs` the job has the server's file."""

    async def run(event=None, *, steps=None, attempt=1, idle=5.0, max_size=None, job=None, **config):
        event = event or make_event(**{"outputs": (make_output(server.url()),), **(job or {})})
        async with EgressClient(
            allow_http=True, networks=LOOPBACK, idle_timeout=timedelta(seconds=idle), max_size=max_size
        ) as http:
            return await run_handler(
                plugin,
                event,
                config={"directory": str(folder), **config},
                http=http,
                steps=steps or {},
                attempt=attempt,
            )

    return run
