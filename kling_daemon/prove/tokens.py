"""Tokens of the local API, made and taken away while the daemon is killed: what was answered must hold at the end."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from kling_daemon.client import DaemonError, DaemonUnreachableError
from kling_daemon.prove.facts import until
from kling_daemon.prove.private_daemon import PrivateDaemon

_PAUSE = timedelta(milliseconds=200)
_MADE, _LOST = "made", "lost"
_REVOKED = 0.5
"""Share of the tokens that are taken away again."""


@dataclass(slots=True)
class Made:
    """A token that the daemon has answered with."""

    text: str
    is_revoked: bool | None = False
    """None while that was asked for and not answered."""


class Tokens:
    """Makes tokens and revokes some of them, one after the other, until it is cancelled."""

    def __init__(self, daemon: PrivateDaemon, dice: random.Random) -> None:
        """Take whose tokens they are."""
        self._daemon = daemon
        self._dice = dice
        self.made: dict[str, Made] = {}

    async def run(self) -> None:
        """Go on for ever."""
        number = 0
        while True:
            number += 1
            name = f"proof-{number}"
            if await until(partial(self._make, name)) == _MADE and self._dice.random() < _REVOKED:
                self.made[name].is_revoked = None
                await until(partial(self._revoke, name))
                self.made[name].is_revoked = True
            await asyncio.sleep(_PAUSE.total_seconds())

    async def opening(self) -> dict[str, bool]:
        """Return for each token that was made whether it opens the API now."""
        return {name: await self._opens(made.text) for name, made in self.made.items()}

    async def _make(self, name: str) -> str | None:
        """Return how it ended once that is clear: the answer of a token that was made can be lost for good."""
        try:
            async with self._daemon.client() as client:
                self.made[name] = Made((await client.make_token(name)).token)
        except DaemonError as error:
            return _LOST if error.status == HTTPStatus.CONFLICT else None
        except (OSError, DaemonUnreachableError):
            return None
        return _MADE

    async def _revoke(self, name: str) -> bool:
        try:
            async with self._daemon.client() as client:
                await client.revoke_token(name)
        except DaemonError as error:
            return error.status == HTTPStatus.NOT_FOUND  # an answer was lost
        except (OSError, DaemonUnreachableError):
            return False
        return True

    async def _opens(self, text: str) -> bool:
        try:
            async with self._daemon.client(token=text) as client:
                await client.stats()
        except DaemonError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                return False
            raise
        return True


def broken_tokens(made: Mapping[str, Made], opening: Mapping[str, bool]) -> Iterator[str]:
    """Yield a sentence for each token that is not what the daemon has answered."""
    for name, token in made.items():
        if token.is_revoked is False and not opening[name]:
            yield f"token {name} was made and opens nothing"
        if token.is_revoked and opening[name]:
            yield f"token {name} was revoked and opens the API"
