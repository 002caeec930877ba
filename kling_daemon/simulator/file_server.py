"""Serves result files as Kling's CDN does: by signed address until that expires, whole or in ranges."""

from aiohttp import hdrs, web

from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.files.addresses import PREFIX, Standing, standing_of
from kling_daemon.simulator.files.contents import content, content_type
from kling_daemon.simulator.results import file_names


class FileServer:
    """The handlers below `/files/`."""

    def __init__(self, engine: Engine) -> None:
        """Serve the files of one engine's jobs."""
        self._engine = engine

    def routes(self) -> list[web.RouteDef]:
        """Return the route for GET and HEAD."""
        return [web.get(PREFIX + "{job}/{file}", self._file)]

    async def _file(self, request: web.Request) -> web.Response:
        self._engine.statistics.requests["file"] += 1
        name = "{job}/{file}".format_map(request.match_info)
        standing = standing_of(name, request.query, self._engine.clock.now())
        if standing is not Standing.GOOD:
            raise web.HTTPForbidden(text=f"{standing}\n")
        job = self._engine.accounts.with_files(request.match_info["job"])
        if job is None or name not in file_names(job):
            raise web.HTTPNotFound(text="no such file\n")
        return _ranged(request, content(name, self._engine.settings.file_size), name)


def _ranged(request: web.Request, body: bytes, name: str) -> web.Response:
    """Answer the whole or the wanted range (RFC 9110, 14); a range of what has changed since is the whole."""
    size = len(body)
    # The bytes follow from name and size alone, so these two tell versions apart.
    etag = f'"{name.replace("/", "-")}-{size}"'
    headers = {
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: etag,
        hdrs.CONTENT_TYPE: content_type(name),
    }
    if request.headers.get(hdrs.IF_RANGE, etag) != etag:
        return web.Response(body=body, headers=headers)
    try:
        start, stop, _ = request.http_range.indices(size)
    except ValueError:
        # A header that is no range is passed over (RFC 9110, 14.2).
        return web.Response(body=body, headers=headers)
    if hdrs.RANGE not in request.headers:
        return web.Response(body=body, headers=headers)
    if start >= stop:
        headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
        return web.Response(status=416, headers=headers)
    headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{size}"
    return web.Response(status=206, body=body[start:stop], headers=headers)
