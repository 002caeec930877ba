"""Writes a recording: a line for each exchange, as soon as it is over."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Self

from kling_daemon import __version__
from kling_daemon.clock import Clock, to_rfc3339
from kling_daemon.simulator.traffic.exchanges import FORMAT, LONGEST_HEADER, Exchange, Side, Signature
from kling_daemon.simulator.traffic.masks import MASKED, Masks
from kling_daemon.standard_webhooks import HEADER_ID, HEADERS, Flaw, SignatureError, Signer, verify
from kling_daemon.telemetry.redaction import redact_text

_LONGEST_TEXT = 16 * 1024
_DIGITS = 3
_JWT_DOTS = 2


class Recorder:
    """Notes exchanges in a file. What it cannot write any more is told once, and stops no traffic."""

    def __init__(self, file: FileIO, clock: Clock, masks: Masks, *, on_failure: Callable[[str], None]) -> None:
        """Write into a file behind its head; times count from now."""
        self._file = file
        self._clock = clock
        self._masks = masks
        self._on_failure = on_failure
        self._began = clock.monotonic()
        self._has_failed = False
        self.has_noted = False
        """True once there is an exchange in the file."""

    @classmethod
    @contextmanager
    def into(
        cls, path: Path, clock: Clock, *, source: str, keep_prompts: bool, on_failure: Callable[[str], None]
    ) -> Iterator[Self]:
        """Make a file, mode 600, and record into it until the context is left. OSError, also if there is one already.

        When an error ends it before anything was noted, such as a full disk or a port that is taken, no file is left.

        source: where the answers come from. on_failure: told why the recording ended early, such as a full disk.
        """
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # Without a buffer, which would try once more to be written when the disk is full and the file closed.
        with FileIO(handle, "w") as file:
            recorder = cls(file, clock, Masks(keep_prompts=keep_prompts), on_failure=on_failure)
            head = {
                "recording": FORMAT,
                "made_by": f"kling-daemon {__version__}",
                "at": to_rfc3339(clock.now()),
                "source": redact_text(source),
                "prompts": "kept" if keep_prompts else "masked",
            }
            try:
                _write_line(file, json.dumps(head))
                yield recorder
            except BaseException:
                if not recorder.has_noted:
                    path.unlink(missing_ok=True)
                raise

    def asked(
        self,
        began: float,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        status: int | None,
        answer: bytes = b"",
        retry_after: str | None = None,
        ahead: float | None = None,
    ) -> None:
        """Note what a client asked Kling. began: by the monotonic clock. headers: names in lower case."""
        self._write(
            Exchange(
                side=Side.KLING,
                at=round(began - self._began, _DIGITS),
                took=self._took(began),
                method=method,
                target=self._masks.target(target),
                body=_read(body, self._masks.request, may_be_shown=False),
                status=status,
                answer=_read(answer, self._masks.answer),
                retry_after=_header(retry_after),
                credentials=_credentials(headers.get("authorization", "")),
                ahead=None if ahead is None else round(ahead, _DIGITS),
            )
        )

    def called_back(
        self,
        began: float,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        secrets: Sequence[Signer],
        status: int | None,
        answer: bytes = b"",
    ) -> None:
        """Note what Kling called back. secrets: those with which it should have been signed."""
        lowered = {name.lower(): value for name, value in headers.items()}
        self._write(
            Exchange(
                side=Side.CALLBACK,
                at=round(began - self._began, _DIGITS),
                took=self._took(began),
                method=method,
                target=self._masks.callback_url(url),
                body=_read(body, self._masks.answer),
                status=status,
                answer=_read(answer, self._masks.answer),
                signature=self._signature(lowered, body, secrets),
                webhook_id=_header(lowered.get(HEADER_ID)),
            )
        )

    def _took(self, began: float) -> float:
        return round(self._clock.monotonic() - began, _DIGITS)

    def _signature(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Signer]) -> Signature:
        if not HEADERS & headers.keys():
            return Signature.NONE
        if not secrets:
            return Signature.UNCHECKED
        try:
            verify(secrets, headers, body, now=self._clock.now())
        except SignatureError as error:
            return Signature.STALE if error.flaw is Flaw.STALE else Signature.INVALID
        return Signature.VALID

    def _write(self, exchange: Exchange) -> None:
        if self._has_failed:
            return
        try:
            _write_line(self._file, exchange.line())
            self.has_noted = True
        except OSError as error:
            self._has_failed = True
            self._on_failure(f"the recording has ended: {error.strerror or error}")


def _write_line(file: FileIO, line: str) -> None:
    rest = line.encode() + b"\n"
    while rest:
        rest = rest[file.write(rest) :]


def _read(raw: bytes, mask: Callable[[Any], Any], *, may_be_shown: bool = True) -> Any:
    """Return a body as a JSON value without secrets, None for an empty one. may_be_shown: what is no JSON, too."""
    if not raw:
        return None
    try:
        return mask(json.loads(raw))
    except (ValueError, RecursionError):
        text = redact_text(raw[:_LONGEST_TEXT].decode("utf-8", "replace")) if may_be_shown else MASKED
        return {"text": text, "bytes": len(raw)}


def _header(value: str | None) -> str | None:
    """Return a header's value as it may stand in a recording, for strangers send anything."""
    if value is None:
        return None
    return "".join(filter(_is_printable, value))[:LONGEST_HEADER]


def _is_printable(character: str) -> bool:
    return " " <= character <= "~"


def _credentials(header: str) -> str:
    if not header:
        return "none"
    return "token" if header.count(".") == _JWT_DOTS else "key"
