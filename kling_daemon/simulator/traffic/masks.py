"""Takes out of what is recorded whatever is secret or private, so that a recording can be shown to strangers."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from kling_daemon.telemetry.redaction import redact_text

MASKED = "masked"
RECEIVER = "http://receiver.invalid"
"""Stands for the host of every callback URL, which is nobody's business."""

CALLBACK_FIELD = "callback_url"
_PLAIN_SEGMENT = re.compile(r"[a-z]+(?:[_-][a-z]+)*")
_LONGEST_SEGMENT = 20
_LONGEST_WORD = 100
_LONGEST_TEXT = 4096
_DEEPEST = 40

_WORDS = frozenset(
    (
        "aspect_ratio",
        "camera_control",
        "cursor",
        "duration",
        "effect_scene",
        "external_task_id",
        "format",
        "keep_original_sound",
        "mode",
        "model",
        "model_name",
        "orientation",
        "product_type",
        "quality",
        "resolution",
        "result_type",
        "sound",
        "status",
        "statuses",
        "style",
        "type",
        "voice_language",
    )
)
"""Keys of requests whose texts are one of a few words, or ids, and so say nothing about people."""
_QUERY_WORDS = frozenset(
    (
        "cursor",
        "end_time",
        "external_task_ids",
        "pageNum",
        "pageSize",
        "start_time",
        "task_ids",
    )
)
_EXPIRY = frozenset({"ksTime", "Expires"})
"""The only parts of a result's signed query that are kept: they tell until when it could be fetched."""
_ACCOUNT = frozenset(
    (
        "account_id",
        "owned_by",
        "owner",
        "resource_pack_id",
        "resource_pack_name",
        "uid",
        "user_id",
        "user_name",
    )
)
_PROSE = frozenset(
    (
        "description",
        "element_description",
        "element_name",
        "name",
        "negative_prompt",
        "prompt",
        "subtitle",
        "text",
        "voice_name",
    )
)


class Masks:
    """Masks one recording: what was the same stays the same, `masked-1`, `masked-2`, …, so that it can be followed."""

    def __init__(self, *, keep_prompts: bool = False) -> None:
        """keep_prompts: leave what people wrote as it is, apart from very long texts such as pictures."""
        self._keep_prompts = keep_prompts
        self._names: dict[str, str] = {}

    def callback_url(self, url: str) -> str:
        """Return a callback URL, or its path and query, without host, capability, and all else that may be secret."""
        parts = _split(url)
        segments = [segment if _is_plain(segment) else self._name(segment) for segment in parts.path.split("/")]
        query = urlencode([(name, self._name(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)])
        path = "/".join(segments)
        return f"{RECEIVER}{path if path.startswith('/') else '/' + path}" + (f"?{query}" if query else "")

    def target(self, target: str) -> str:
        """Return the path and query of a request to Kling; ids stay, for without them nothing could be played."""
        path, _, given = target.partition("?")
        pairs = parse_qsl(given, keep_blank_values=True)
        query = urlencode([(name, value if name in _QUERY_WORDS else self._name(value)) for name, value in pairs])
        return redact_text(path) + (f"?{query}" if query else "")

    def request(self, body: Any) -> Any:
        """Return a request's body: numbers, switches and known words stay, every other text is masked."""
        return self._walk(body, self._request_text)

    def answer(self, body: Any) -> Any:
        """Return an answer's or a callback's body: signed parts of URLs, account ids, people's words are masked."""
        return self._walk(body, self._answer_text)

    def _walk(self, value: Any, mask: Any, key: str = "", depth: int = 0) -> Any:
        if depth > _DEEPEST:
            return MASKED
        if isinstance(value, Mapping):
            return {name: self._walk(inner, mask, str(name), depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._walk(inner, mask, key, depth + 1) for inner in value]
        if key in _ACCOUNT and isinstance(value, int):
            return self._name(str(value))
        return mask(key, value) if isinstance(value, str) and value else value

    def _request_text(self, key: str, text: str) -> str:
        if key == CALLBACK_FIELD:
            return self.callback_url(text)
        if key in _WORDS and len(text) <= _LONGEST_WORD:
            return redact_text(text)
        return self._people_s_text(text)

    def _answer_text(self, key: str, text: str) -> str:
        if key == CALLBACK_FIELD:
            return self.callback_url(text)
        if key in _ACCOUNT:
            return self._name(text)
        if key in _PROSE:
            return self._people_s_text(text)
        return _unsigned(text)

    def _people_s_text(self, text: str) -> str:
        if self._keep_prompts and len(text) <= _LONGEST_TEXT:
            return _unsigned(text)
        return f"{MASKED} ({len(text)} characters)"

    def _name(self, text: str) -> str:
        """Return what stands for a text wherever it comes again; nothing for nothing."""
        return self._names.setdefault(text, f"{MASKED}-{len(self._names) + 1}") if text else text


def _split(url: str) -> SplitResult:
    """Return the parts of a URL; of what is none, an empty one's, since nobody knows what in it is secret."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_plain(segment: str) -> bool:
    return not segment or (len(segment) <= _LONGEST_SEGMENT and _PLAIN_SEGMENT.fullmatch(segment) is not None)


def _unsigned(text: str) -> str:
    """Return a text without secrets that are told by their form; of a URL, its query but for the time of its end."""
    if not text.startswith(("http://", "https://")) or any(character.isspace() for character in text):
        return redact_text(text)
    parts = _split(text)
    if not parts.scheme:
        return MASKED
    query = urlencode(
        [(name, value if name in _EXPIRY else MASKED) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    )
    host = parts.netloc.rpartition("@")[2]
    return redact_text(f"{parts.scheme}://{host}{parts.path}") + (f"?{query}" if query else "")


def shape_of(body: Any, room: int = _DEEPEST) -> Any:
    """Return what a request's body asks for apart from its texts: two that differ in these alone have one shape."""
    if not room:
        return MASKED
    if isinstance(body, Mapping):
        own = {CALLBACK_FIELD, "external_task_id"}
        return {
            name: (value if name in _WORDS and isinstance(value, str) else shape_of(value, room - 1))
            for name, value in body.items()
            if name not in own
        }
    if isinstance(body, list):
        return [shape_of(value, room - 1) for value in body]
    return "" if isinstance(body, str) else body
