"""One step for many callbacks that came together: a mistake of our own in one of them must not harm the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from kling_daemon.tracking.callbacks import UNHANDLED, Answer

R = TypeVar("R")
S = TypeVar("S")

log = structlog.get_logger(__name__)


def guarded_each(step: Callable[[S], R | Answer], items: Iterable[S | Answer]) -> list[R | Answer]:
    """Take a step for each callback that is not answered yet; raises nothing."""
    done: list[R | Answer] = []
    for item in items:
        if isinstance(item, Answer):
            done.append(item)
            continue
        try:
            done.append(step(item))
        except Exception:
            log.exception("callback could not be handled")
            done.append(UNHANDLED)
    return done
