"""The options of `kling-daemon simulate` for recordings, and what the command does when they are given."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from kling_daemon.cli.serving import Announcement, read_address

if TYPE_CHECKING:
    from kling_daemon.simulator.traffic.recorder import Recorder
    from kling_daemon.simulator.traffic.replay import Replay
    from kling_daemon.standard_webhooks import Signer

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--record",
        {
            "type": click.Path(dir_okay=False, path_type=Path),
            "metavar": "FILE",
            "help": "Record requests, answers and callbacks into a new file, without secrets.",
        },
    ),
    ("--upstream", {"metavar": "URL", "help": "With --record: simulate nothing, but pass requests on to this Kling."}),
    (
        "--callback-listen",
        {"metavar": "HOST:PORT", "help": "With --upstream: take Kling's callbacks here, and pass them on."},
    ),
    (
        "--callback-to",
        {"metavar": "URL", "help": "Where callbacks are passed on to, or replayed to."},
    ),
    ("--keep-prompts", {"is_flag": True, "help": "With --record: do not mask what people wrote into their requests."}),
    (
        "--replay",
        {
            "type": click.Path(exists=True, dir_okay=False, path_type=Path),
            "metavar": "FILE",
            "help": "Simulate nothing, but answer and call back as a recording says.",
        },
    ),
)


def traffic_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options for recordings."""
    for name, given in reversed(_OPTIONS):
        command = click.option(name, **given)(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The options for recordings as they were given."""

    record: Path | None
    upstream: str | None
    callback_listen: str | None
    callback_to: str | None
    keep_prompts: bool
    replay: Path | None

    def check(self, behaviour: Sequence[str]) -> None:
        """Raise a usage error when options are given that do nothing together.

        behaviour: the options given that say how a simulated Kling behaves.
        """
        self._check_replay(behaviour)
        if self.upstream is not None and self.record is None:
            raise click.UsageError("--upstream passes on what is recorded, so it needs --record FILE")
        if self.upstream is not None and behaviour:
            raise click.UsageError(f"with --upstream nothing is simulated, so {behaviour[0]} has no place")
        if self.keep_prompts and self.record is None:
            raise click.UsageError("--keep-prompts is about a recording, so it needs --record FILE")
        if self.callback_listen is not None and (self.upstream is None or self.callback_to is None):
            raise click.UsageError("--callback-listen needs --upstream URL and --callback-to URL")
        if self.callback_to is not None and self.callback_listen is None and self.replay is None:
            raise click.UsageError("--callback-to needs --callback-listen HOST:PORT or --replay FILE")
        for option, url in (("--upstream", self.upstream), ("--callback-to", self.callback_to)):
            if url is not None and not _is_base(url):
                raise click.BadParameter("is no URL such as https://host or http://127.0.0.1:8765", param_hint=option)

    def _check_replay(self, behaviour: Sequence[str]) -> None:
        if self.replay is None:
            return
        out_of_place = [name for name in behaviour if name != "--speed"]
        if self.record is not None:
            out_of_place.append("--record")
        if out_of_place:
            raise click.UsageError(f"with --replay nothing is simulated, so {out_of_place[0]} has no place")

    @contextmanager
    def recorder(self, source: str) -> "Iterator[Recorder | None]":
        """Record into the file that was asked for, if any; source: where the answers come from."""
        from kling_daemon.clock import SystemClock
        from kling_daemon.simulator.traffic.recorder import Recorder

        if self.record is None:
            yield None
            return
        with ExitStack() as stack:
            try:
                recorder = stack.enter_context(
                    Recorder.into(
                        self.record, SystemClock(), source=source, keep_prompts=self.keep_prompts, on_failure=_complain
                    )
                )
            except OSError as error:
                raise click.ClickException(f"cannot record into {self.record}: {error.strerror}") from None
            yield recorder

    def replaying(
        self, file: Path, address: tuple[str, int], secrets: "Sequence[Signer]", speed: float
    ) -> AbstractAsyncContextManager[Announcement]:
        """Return what plays a recording until the context is left; a click error when it cannot be played."""
        from kling_daemon.clock import SystemClock
        from kling_daemon.simulator.traffic.exchanges import Signature
        from kling_daemon.simulator.traffic.reading import RecordingError, read_recording
        from kling_daemon.simulator.traffic.replay import Replay

        try:
            exchanges = read_recording(file)
        except RecordingError as error:
            raise click.ClickException(str(error)) from None
        signed = {Signature.VALID, Signature.UNCHECKED, Signature.STALE}
        if not secrets and any(exchange.signature in signed for exchange in exchanges):
            raise click.UsageError(
                "the recording has signed callbacks; give one of the daemon's webhook secrets by --secret-file"
            )
        replay = Replay(exchanges, SystemClock(), speed=speed, callback_to=self.callback_to, secrets=secrets)
        return _replaying(replay, address, file)

    @property
    def places(self) -> str:
        """Where it listens in addition, for an error."""
        return "" if self.callback_listen is None else f" and {self.callback_listen}"

    @asynccontextmanager
    async def passing_on(
        self, recorder: "Recorder", upstream: str, address: tuple[str, int], secrets: "Sequence[Signer]"
    ) -> AsyncIterator[Announcement]:
        """Stand between a client and the real Kling until the context is left."""
        from kling_daemon.clock import SystemClock
        from kling_daemon.simulator.traffic.passing_on import passing_on

        callbacks = None
        if self.callback_listen is not None and self.callback_to is not None:
            callbacks = (read_address(self.callback_listen, "--callback-listen"), self.callback_to)
        async with passing_on(recorder, SystemClock(), upstream, address, callbacks=callbacks, secrets=secrets) as (
            url,
            callback_url,
        ):
            lines = [f"Passes on from {url} to {upstream}, and records into {self.record}."]
            if callback_url is not None:
                lines.append(f"Callbacks to {callback_url} are passed on to {self.callback_to}.")
            yield Announcement(values={"url": url, "callback_url": callback_url}, lines=[*lines, "Stop: Ctrl-C"])


@asynccontextmanager
async def _replaying(replay: "Replay", address: tuple[str, int], file: Path) -> AsyncIterator[Announcement]:
    async with replay.serve(*address) as url:
        stats = replay.stats()
        count = f"{stats['jobs']['recorded']} creates, {stats['callbacks']['recorded']} callbacks"
        lines = [
            f"Replays {file} at {url}: {count}; any key will do.",
            *(f"  {jobs} x POST {path}" for path, jobs in replay.creates().items()),
            f"What was asked: {url}/simulator/stats   Stop: Ctrl-C",
        ]
        yield Announcement(values={"url": url}, lines=lines)


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        return False


def _complain(message: str) -> None:
    print(f"Error: {message}", file=sys.stderr)
