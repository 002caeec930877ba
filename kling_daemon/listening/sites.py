"""Listening: at a TCP port, or at a Unix socket that a group may use."""

import asyncio
import errno
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from kling_daemon.config import Address, TcpAddress, UnixAddress
from kling_daemon.listening.doors import Door
from kling_daemon.listening.draining import drain
from kling_daemon.listening.handshakes import Handshakes
from kling_daemon.listening.limiter import ConnectionLimiter
from kling_daemon.listening.runner import QuietRunner
from kling_daemon.listening.shortcut import Shortcut
from kling_daemon.listening.site import BACKLOG, Site
from kling_daemon.listening.timeouts import Timeouts

_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

SOCKET_MODE = 0o660
"""Owner and group may connect; the token is asked for all the same."""


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


@asynccontextmanager
async def listening(
    application: web.Application,
    address: Address,
    *,
    shortcut: Shortcut | None = None,
    passed: Sequence[socket.socket] = (),
    limiter: ConnectionLimiter | None = None,
    tls: ssl.SSLContext | None = None,
    stop_timeout: timedelta = timedelta(seconds=5),
) -> AsyncIterator[Address]:
    """Serve the application until the context is left; yield the address, its port the one that was bound.

    shortcut: what may answer some requests in the application's place. passed: sockets that listen already and are
    another's too, to be served in place of the address. limiter: lets connections in, and sends away those that dawdle;
    a new one for each listener. tls: for a TCP port that speaks TLS.
    On leaving, requests under way have `stop_timeout` to end, and those that wait in a passed socket are left to
    whoever serves it next. Raises ListenError.
    """
    limiter = ConnectionLimiter(Timeouts()) if limiter is None else limiter
    runner = QuietRunner(application, shortcut=shortcut, limiter=limiter, stop_timeout=stop_timeout)
    handshakes = None if tls is None else Handshakes(tls, limiter)
    # A Unix socket's file goes last, so that nobody who finds it gone need wait for an answer.
    async with (
        _opened(address, passed) as sockets,
        _shaking(handshakes),
        _running(runner, limiter, stop_timeout, handed_over=bool(passed)),
    ):
        served = served_at(address, passed)
        if isinstance(served, TcpAddress):
            served = TcpAddress(host=served.host, port=sockets[0].getsockname()[1])
        for each in sockets:
            # Nobody can listen in on a Unix socket.
            shaking = None if each.family == socket.AF_UNIX else handshakes
            await Site(runner, Door(each, limiter), handshakes=shaking).start()
        yield served


@asynccontextmanager
async def _opened(address: Address, passed: Sequence[socket.socket]) -> AsyncIterator[Sequence[socket.socket]]:
    """Open the sockets to be served; those that were passed are closed in the end as well."""
    with ExitStack() as closing:
        if passed:
            for each in passed:
                closing.enter_context(each)
            yield [closing.enter_context(each.dup()) for each in passed]
        elif isinstance(address, TcpAddress):
            yield [closing.enter_context(each) for each in await _tcp_sockets(address)]
        else:
            yield [closing.enter_context(_unix_socket(address.path))]


@asynccontextmanager
async def _running(
    runner: QuietRunner, limiter: ConnectionLimiter, stop_timeout: timedelta, *, handed_over: bool = False
) -> AsyncIterator[None]:
    await runner.setup()
    limiter.open()
    try:
        yield
    finally:
        try:
            await drain(runner, limiter, handed_over=handed_over, limit=stop_timeout)
            await runner.cleanup()
        finally:
            limiter.close()


def served_at(address: Address, passed: Sequence[socket.socket]) -> Address:
    """Return where `listening` will serve: at the first socket that was passed, else at the address."""
    if not passed:
        return address
    if passed[0].family == socket.AF_UNIX:
        return UnixAddress(path=Path(passed[0].getsockname()))
    host, port, *_ = passed[0].getsockname()
    return TcpAddress(host=host, port=port)


def _shaking(handshakes: Handshakes | None) -> AbstractAsyncContextManager[None]:
    # Around all else, so that those who are about to agree are served yet while a stop drains the listener.
    return nullcontext() if handshakes is None else handshakes.running()


async def _tcp_sockets(address: TcpAddress) -> list[socket.socket]:
    """Listen at each address that the host's name has, if it is one of this machine's; at one of them at least."""
    opened: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        missing = None
        for family, *_, where in dict.fromkeys(found):
            try:
                opened.append(socket.create_server(where, family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
        if missing is not None and not opened:
            raise missing
    except (OSError, UnicodeError) as error:
        for each in opened:
            each.close()
        remedy = "; stop what uses it, or configure another address" if _is_in_use(error) else ""
        raise ListenError(f"cannot listen on {address}: {_reason(error)}{remedy}") from error
    return opened


def _is_in_use(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def _reason(error: OSError | UnicodeError) -> str:
    """Return the system's words; asyncio puts the address before them once more."""
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number > 0:  # the resolver's errors have negative ones and words of their own
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    """Bind a socket at the path, in place of one that nobody listens on any more; take its file away at the end."""
    _clear(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        try:
            bound.bind(str(path))
            # Nobody can connect yet: that takes `listen`, which comes when the site starts.
            path.chmod(SOCKET_MODE)
            ours = path.stat().st_ino
        except OSError as error:
            raise ListenError(f"cannot listen on {UnixAddress(path=path)}: {error.strerror}") from error
        try:
            yield bound
        finally:
            if path.exists() and path.stat().st_ino == ours:
                path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket that an earlier run left behind, and nothing else."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # there is none; or binding will say why it cannot be seen
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"cannot listen on {UnixAddress(path=path)}: there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise ListenError(f"cannot listen on {UnixAddress(path=path)}: {reason}") from error
        else:
            raise ListenError(f"cannot listen on {UnixAddress(path=path)}: another process listens there")
