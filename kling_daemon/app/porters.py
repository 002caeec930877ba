"""How many connections each listener lets in, and how long they may dawdle."""

from functools import partial

from kling_daemon.listening import Patience, Porter
from kling_daemon.service import open_files
from kling_daemon.telemetry import Metrics

RECEIVER_SHARE = 0.25
API_SHARE = 0.5
"""Which part of the files that we may open is for each listener's connections; the rest is for files and requests."""

_API_PATIENCE = Patience(whole=False)
"""A create may bear pictures, and an answer be long: they have their time for the next bytes, not for all of them."""


def receiver_porter(metrics: Metrics) -> Porter:
    """Return the public listener's porter."""
    most = int(open_files() * RECEIVER_SHARE)
    return Porter(Patience(), most=most, on_sent_away=partial(metrics.sent_away, "receiver"))


def api_porter(metrics: Metrics) -> Porter:
    """Return the local API's porter."""
    most = int(open_files() * API_SHARE)
    return Porter(_API_PATIENCE, most=most, on_sent_away=partial(metrics.sent_away, "api"))
