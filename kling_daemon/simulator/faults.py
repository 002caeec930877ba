"""Answers that are no answers: what a client of Kling must survive although its request was fine."""

import asyncio
from datetime import timedelta
from enum import StrEnum

from aiohttp import web

from kling_daemon.simulator.chance import chance
from kling_daemon.simulator.outages import OutageAnswer
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.settings import SimulatorSettings

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


class Fault(StrEnum):
    """How a request is answered instead."""

    SERVER_ERROR = "server_error"
    """500/5000."""
    MAINTENANCE = "maintenance"
    """503/5001."""
    TIMEOUT = "timeout"
    """504/5002."""
    HTML = "html"
    """502 with a page for people, as a proxy before Kling answers."""
    DROPPED = "dropped"
    """The connection is cut without an answer."""
    SILENCE = "silence"
    """The same, after a long wait."""
    TOO_FAST = "too_fast"
    """429/1302: come again later. Only this one promises that nothing was done."""


_CREATES = frozenset({"create", "at_once", "delete"})
"""The kinds of requests that change something."""
_CODES = {Fault.SERVER_ERROR: 5000, Fault.MAINTENANCE: 5001, Fault.TIMEOUT: 5002, Fault.TOO_FAST: 1302}


def fault_before(settings: SimulatorSettings, kind: str, number: int) -> Fault | None:
    """Decide whether the number-th request of a kind is not performed, and how it is answered then."""
    if settings.outage and settings.outage_of.meets(creates=kind in _CREATES):
        # A connection that slipped in before the door was shut.
        refused = settings.outage_answer is OutageAnswer.REFUSED
        return Fault.DROPPED if refused else Fault(settings.outage_answer)
    dice = chance(settings.seed, "fault", kind, number)
    return dice.choice(tuple(Fault)) if dice.random() < settings.http_errors else None


def fault_after(settings: SimulatorSettings, number: int) -> Fault | None:
    """Decide whether the answer to the number-th create gets lost although its job exists."""
    dice = chance(settings.seed, "ambiguous", number)
    if dice.random() >= settings.ambiguous_creates:
        return None
    return dice.choice([fault for fault in Fault if fault is not Fault.TOO_FAST])


async def answer_with(fault: Fault, request: web.Request, hang: timedelta) -> web.StreamResponse:
    """Return, or withhold, what the fault wants the client to see."""
    if fault is Fault.HTML:
        return web.Response(status=502, text=_HTML, content_type="text/html")
    if fault in _CODES:
        error = RefusalError(_CODES[fault])
        return web.json_response(error.body(), status=error.status)
    if fault is Fault.SILENCE:
        await asyncio.sleep(hang.total_seconds())
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
