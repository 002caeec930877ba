"""Keeps secrets out of log lines, whatever was handed to the logger.

A net below the rule that nothing secret is logged at all: signed URLs arrive within the errors of libraries, and
plugins log what they like.
"""

import re
from collections.abc import Mapping
from typing import Any

from kling_daemon.telemetry.capability_text import MASK, SHORTEST, cut_capabilities

_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:authorization|cookie|set-cookie|password|passwd|secrets?|tokens?|capability|credentials?"
    r"|(?:api|access|secret|private|signing)[_-]?key|signature)$",
    re.IGNORECASE,
)
_URL = re.compile(
    r"\b(?P<scheme>[a-z][a-z0-9+.-]{1,15}://)(?:[^\s/?#'\"<>@]*@)?(?P<rest>[^\s?#'\"<>]*)(?P<cut>[?#][^\s'\"<>]*)?",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(?P<path>/[^\s?'\"<>]*)\?[^\s'\"<>]*=[^\s'\"<>]*")
_SCHEMED = re.compile(r"\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_WEBHOOK_SECRET = re.compile(r"(?P<kind>whsec|whsk)_[A-Za-z0-9+/=_-]+")
_DEEPEST = 5
_LONGEST = 8192

_PLAIN = (bool, int, float, type(None))


def redact(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a log line as JSON values without secrets.

    What a key calls a secret is masked. From texts, wherever they stand, the query and the user of each URL are cut,
    and tokens, webhook secrets and capabilities masked. Other objects are replaced by their representation.
    """
    return {key: MASK if _hides(key, value) else _clean(value, 0) for key, value in values.items()}


def redact_text(text: str) -> str:
    """Return a text without the secrets that can be told by their form; a very long one without its middle."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    if "://" in text:
        text = _URL.sub(_cut_url, text)
    if "?" in text:
        text = _QUERY.sub(rf"\g<path>?{MASK}", text)
    if " " in text:
        text = _SCHEMED.sub(rf"\g<scheme> {MASK}", text)
    if "whs" in text:
        text = _WEBHOOK_SECRET.sub(rf"\g<kind>_{MASK}", text)
    return cut_capabilities(text) if len(text) >= SHORTEST else text


def _hides(key: object, value: object) -> bool:
    # Numbers and truths under such a key are counts and switches, such as `tokens=3`.
    return isinstance(key, str) and not isinstance(value, _PLAIN) and _SECRET_KEY.search(key) is not None


def _cut_url(match: re.Match[str]) -> str:
    return f"{match['scheme']}{match['rest']}" + (f"{match['cut'][0]}{MASK}" if match["cut"] else "")


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return redact_text(str(value))
    if isinstance(value, _PLAIN):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            redact_text(str(key)): MASK if _hides(key, inner) else _clean(inner, depth + 1)
            for key, inner in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner, depth + 1) for inner in value]
    return redact_text(repr(value))
