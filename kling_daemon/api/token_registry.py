"""Who may use the local API: every token's digest in memory, so that a request is judged without reading anything."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

import structlog

from kling_daemon.api.signed_tokens import SignedTokens
from kling_daemon.clock import Clock
from kling_daemon.scopes import Scope
from kling_daemon.store import KnownToken, Store, StoreUnavailableError

FIRST = "api-token"
"""The name of the token that the first start makes, or that a credential brings; it is changed there, not here."""

_BYTES = 32
_NOTED_WITHIN = timedelta(seconds=1)

log = structlog.get_logger(__name__)


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token, which is all of it that is kept. Bytes that are no UTF-8 come as surrogates."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A request under way that changes nothing, and ends when its token is revoked."""

    name: str
    task: asyncio.Task[Any]


class TokenRegistry:
    """The tokens that are good now. What it changes is on disk before it counts."""

    def __init__(self, store: Store, clock: Clock, tokens: Iterable[KnownToken], signed: SignedTokens) -> None:
        """Take what is kept, and what tells tokens that the first one has signed; `TokenRegistry.open` reads it."""
        self._store = store
        self._clock = clock
        self._tokens = {token.name: token for token in tokens}
        self._signed = signed
        self._readings: set[_Reading] = set()

    @classmethod
    async def open(cls, store: Store, clock: Clock, *, first: str) -> Self:
        """Return the tokens that the store keeps, and the first one; it takes the place of an earlier first one."""
        made = KnownToken(name=FIRST, scope=Scope.ADMIN, digest=digest(first), made_at=clock.now())
        await store.keep_token(made)
        return cls(store, clock, await store.read.tokens(), SignedTokens(first))

    def all(self) -> list[KnownToken]:
        """Return every token, in the order of their names."""
        return sorted(self._tokens.values(), key=lambda token: token.name)

    async def admit(self, text: str) -> KnownToken | None:
        """Return the token that was shown to us, if it is good, or that has signed what was; note that it was used.

        Judging takes as long for a wrong one as for a right one. The first use of a day is written down, which the
        request waits for, but not long.
        """
        token = self._find(text)
        if token is not None and token.used_on != (today := self._clock.now().date()):
            await self._note_use(token, today)
            token = self._find(text)  # it may have been revoked meanwhile
        return token

    def _find(self, text: str) -> KnownToken | None:
        given = digest(text)
        matches = [known for known in self._tokens.values() if hmac.compare_digest(given, known.digest)]
        if matches:
            return matches[0]
        return self._tokens[FIRST] if self._signed.accept(text, self._clock.now()) else None

    async def _note_use(self, token: KnownToken, day: date) -> None:
        self._tokens[token.name] = replace(token, used_on=day)
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_NOTED_WITHIN.total_seconds()):
                await self._store.use_token(token, day)

    async def make(self, name: str, scope: Scope) -> tuple[KnownToken, str] | None:
        """Return a new token and its text, which nobody can be told again; None when the name is taken."""
        text = secrets.token_urlsafe(_BYTES)
        token = KnownToken(name=name, scope=scope, digest=digest(text), made_at=self._clock.now())
        if not await self._store.make_token(token):
            return None
        self._tokens[name] = token
        log.info("token made", name=name, scope=scope.value)
        return token, text

    async def revoke(self, name: str) -> KnownToken | None:
        """Make a token good for nothing from now on; None when there is none of this name.

        What somebody is reading with it, such as a stream or a long poll, is broken off; a change that has begun is
        not.
        """
        token = self._tokens.get(name)
        if token is None or not await self._store.revoke_token(name):
            return None
        self._tokens.pop(name, None)
        self._break_off(name)
        log.info("token revoked", name=name, scope=token.scope.value)
        return token

    def exchange_first(self, text: str) -> None:
        """Let another text be the first token from now on; the same one again changes nothing.

        What somebody is reading with the old one, or with what it has signed, is broken off. It is not written down:
        the next start reads it where it comes from.
        """
        first = self._tokens[FIRST]
        if hmac.compare_digest(first.digest, digest(text)):
            return
        self._tokens[FIRST] = replace(first, digest=digest(text), made_at=self._clock.now(), used_on=None)
        self._signed = SignedTokens(text)
        self._break_off(FIRST)
        log.info("first token exchanged")

    def _break_off(self, name: str) -> None:
        for reading in [reading for reading in self._readings if reading.name == name]:
            if reading.task is not asyncio.current_task():
                reading.task.cancel()

    @contextmanager
    def reading(self, token: KnownToken) -> Iterator[None]:
        """Have what is done within broken off when the token is revoked."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp handles requests in tasks
        reading = _Reading(token.name, task)
        self._readings.add(reading)
        try:
            yield
        finally:
            self._readings.discard(reading)
