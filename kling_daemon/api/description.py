"""The description of the local API: its OpenAPI document, as it is checked in, and a page made of that for people."""

import asyncio
from importlib.resources import files

from aiohttp import web

from kling_daemon.api.bodies import MEDIA_TYPE
from kling_daemon.api.pages import docs_page
from kling_daemon.api.routes import Routes, get

DOCUMENT = "openapi.json"


def read_document() -> str:
    """Return the document that was installed with the daemon."""
    return (files("kling_daemon.api") / DOCUMENT).read_text(encoding="utf-8")


class DescriptionRoutes(Routes):
    """The routes `/api/v1/openapi.json` and `/docs`."""

    @get("/api/v1/openapi.json", media=(MEDIA_TYPE,), open=True)
    async def show_document(self) -> web.Response:
        """Show this document."""
        return web.Response(text=read_document(), content_type=MEDIA_TYPE)

    @get("/docs", media=("text/html",), open=True)
    async def show_docs(self) -> web.Response:
        """Show this document as a page."""
        page = await asyncio.to_thread(docs_page, read_document())
        headers = {"Content-Security-Policy": page.policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=page.html, content_type="text/html", headers=headers)
