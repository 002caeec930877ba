"""The description of the local API: its OpenAPI document, as it is checked in."""

from importlib.resources import files

from aiohttp import web

from kling_daemon.api.bodies import MEDIA_TYPE
from kling_daemon.api.routes import Routes, get

DOCUMENT = "openapi.json"


def read_document() -> str:
    """Return the document that was installed with the daemon."""
    return (files("kling_daemon.api") / DOCUMENT).read_text(encoding="utf-8")


class DescriptionRoutes(Routes):
    """The route `/api/v1/openapi.json`."""

    @get("/api/v1/openapi.json", media=(MEDIA_TYPE,), open=True)
    async def show_document(self) -> web.Response:
        """Show this document."""
        return web.Response(text=read_document(), content_type=MEDIA_TYPE)
