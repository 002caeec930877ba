"""The local API put together: its routes, who may use them, and how it errs."""

from aiohttp import web

from kling_daemon.api.addressed import require_own_name
from kling_daemon.api.bodies import MAX_BODY
from kling_daemon.api.callbacks import CallbackRoutes
from kling_daemon.api.deliveries import DeliveryRoutes
from kling_daemon.api.description import DescriptionRoutes
from kling_daemon.api.events import EventRoutes
from kling_daemon.api.guard import let_anybody_in, require_token
from kling_daemon.api.handlers import HandlerRoutes
from kling_daemon.api.jobs import JobRoutes
from kling_daemon.api.orders import OrderRoutes
from kling_daemon.api.probes import ProbeRoutes
from kling_daemon.api.problems import answer_with_problems
from kling_daemon.api.reloads import ReloadRoutes
from kling_daemon.api.replays import ReplayRoutes
from kling_daemon.api.routes import Route, Routes
from kling_daemon.api.services import ApiServices
from kling_daemon.api.stats import StatsRoutes
from kling_daemon.api.timelines import TimelineRoutes
from kling_daemon.api.tokens import TokenRoutes
from kling_daemon.api.tracks import TrackRoutes
from kling_daemon.api.waiting import WaitingRoom

_PARTS: tuple[type[Routes], ...] = (
    OrderRoutes,
    TrackRoutes,
    JobRoutes,
    TimelineRoutes,
    EventRoutes,
    CallbackRoutes,
    DeliveryRoutes,
    HandlerRoutes,
    ReplayRoutes,
    StatsRoutes,
    TokenRoutes,
    ReloadRoutes,
    ProbeRoutes,
    DescriptionRoutes,
)


def declared_routes() -> list[Route]:
    """Return every route of the local API, as the document tells of them."""
    return [route for part in _PARTS for route in part.declared()]


def build_api(services: ApiServices) -> web.Application:
    """Return the application that `listening` serves; when it shuts down, long polls and streams end at once."""
    waiting = WaitingRoom(services.store.read, services.bus)

    async def end_waits(_application: web.Application) -> None:
        waiting.close()
        services.streams.close()

    open_paths = frozenset(route.path for route in declared_routes() if route.open)
    application = web.Application(
        middlewares=[
            answer_with_problems,
            require_own_name(services.names),
            require_token(services.tokens, open_paths) if services.asks_for_token else let_anybody_in,
        ],
        client_max_size=MAX_BODY,
    )
    for part in _PARTS:
        application.add_routes(part(services, waiting).bound())
    application.on_shutdown.append(end_waits)
    application.on_response_prepare.append(_harden)
    return application


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Answers bear the URLs of results, and a URL is all that it takes to fetch one.
    response.headers["Cache-Control"] = "no-store"
