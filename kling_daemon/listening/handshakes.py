"""Agrees on TLS with whoever connects, in sight of the limiter: who never agrees is sent away like others who dawdle.

asyncio's own servers shake hands unseen: nobody knows of such a connection before it is agreed, and whoever can connect
could hold as many files open as the daemon may have, by saying nothing.
"""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from kling_daemon.listening.limiter import ConnectionLimiter, Standing
from kling_daemon.listening.timeouts import Stage

_LATEST = 300
"""After how many seconds asyncio ends a handshake; the limiter does so before."""
_GOODBYE = 5
"""How many seconds the other end has to say goodbye as TLS wants it."""


class Handshakes:
    """Those of one listener.

    What comes of one that fails, be it garbage, plain HTTP or a client that trusts us not, is the end of the connection
    and nothing else; no line of the log is a stranger's to write.
    """

    def __init__(self, context: ssl.SSLContext, limiter: ConnectionLimiter) -> None:
        """Take how to speak TLS, and who lets connections in."""
        self._context = context
        self._limiter = limiter
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Shake hands until the context is left; those who have not agreed by then are hung up on."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised again below; through the group it would be wrapped
                failure = error
            finally:
                self._tasks = None
                for task in self._running:
                    task.cancel()
        if failure is not None:
            raise failure

    def begin(self, knocking: "Knocking", link: asyncio.Transport, serve: Callable[[], asyncio.Protocol]) -> None:
        """Agree on TLS with a new connection, and have what `serve` makes go on with it."""
        if self._tasks is None or not self._limiter.admit(knocking, asyncio.get_running_loop().time()):
            link.abort()
            return
        task = self._tasks.create_task(self._shake(knocking, link, serve), name="handshake")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _shake(
        self, knocking: "Knocking", link: asyncio.Transport, serve: Callable[[], asyncio.Protocol]
    ) -> None:
        try:
            agreed = await _agree(link, knocking, self._context)
        except OSError as error:  # those of `ssl`, too
            # Its frames would keep the whole connection in memory until garbage is collected.
            error.with_traceback(None)
            return
        except Exception as error:  # noqa: BLE001 - one stranger's handshake must not end everybody's
            self._limiter.note_failure(None, type(error).__name__)
            return
        finally:
            self._limiter.forget(knocking)
        if agreed is None or link.is_closing():
            return  # it has gone meanwhile, of which asyncio says nothing
        connection = serve()
        agreed.set_protocol(connection)
        connection.connection_made(agreed)
        if knocking.early:
            connection.data_received(bytes(knocking.early))


class _Tls(sslproto.SSLProtocol):
    """TLS over one connection."""

    # As long as a record of TLS is. asyncio keeps sixteen times as much for each connection, from before it has said a
    # word: a gigabyte for as many as strangers may open.
    max_size = 16 * 1024


async def _agree(
    link: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext
) -> asyncio.Transport | None:
    """Do what the loop's `start_tls` does, with a `_Tls`; return None when the connection is gone.

    Raises OSError where no agreement is reached.
    """
    loop = asyncio.get_running_loop()
    agreed: asyncio.Future[None] = loop.create_future()
    tls = _Tls(
        loop, protocol, context, agreed,
        server_side=True, call_connection_made=False,
        ssl_handshake_timeout=_LATEST, ssl_shutdown_timeout=_GOODBYE,
    )  # fmt: skip
    link.set_protocol(tls)
    try:
        tls.connection_made(link)
        link.resume_reading()
        await agreed
    except BaseException:
        link.close()
        raise
    # Nothing else tells it before the protocol is told.
    return cast("asyncio.Transport | None", tls._app_transport)  # noqa: SLF001


class Knocking(asyncio.Protocol):
    """A connection that has not agreed on TLS yet; for the limiter, one that has not brought a request's head."""

    def __init__(self, handshakes: Handshakes, serve: Callable[[], asyncio.Protocol]) -> None:
        """Take who shakes hands, and what makes the protocol of a connection that has agreed."""
        self._handshakes = handshakes
        self._serve = serve
        self._link: asyncio.Transport | None = None
        self.early = bytearray()
        """What came right behind the handshake, before there was anybody to take it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._link = cast("asyncio.Transport", transport)
        self._link.pause_reading()  # until somebody listens who understands it
        self._handshakes.begin(self, self._link, self._serve)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.early += data

    def standing(self) -> Standing:
        """Return what it is at, for the limiter."""
        return (Stage.HEAD, 0, 0)

    def send_away(self) -> None:
        """Close it at once."""
        if self._link is not None:
            self._link.abort()
