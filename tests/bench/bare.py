"""The yardstick: an aiohttp handler that reads and parses the same JSON, answers 200, and keeps nothing."""

import json
import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    """Answer as the receiver does."""
    json.loads(await request.read())
    return web.Response(body=b'{"received": true}', content_type="application/json")


def main() -> None:
    """Listen on the given port until killed."""
    app = web.Application()
    app.router.add_post("/webhooks/kling", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None)


if __name__ == "__main__":
    main()
