"""Reads what a task yielded, from `task_result` of the legacy dialect or `outputs` of the new one.

The same result reads the same in both dialects, since a legacy job may be reported in either.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from kling_daemon.kling.expiry import LIFETIME, expires_at
from kling_daemon.kling.scalars import read_decimal, read_label
from kling_daemon.outputs import Output, OutputFile

MAIN = "main"
WATERMARK = "watermark"

_MAX_URL = 8_192
_MAX_ROLE = 32
_DEPTH = 3  # an element holds lists of references; nothing of Kling's goes deeper

_TYPES = {
    "videos": "video",
    "images": "image",
    "audios": "audio",
    "voices": "voice",
    "elements": "element",
    "series_images": "series_image",
}
"""The type behind each list of a legacy `task_result`, in the order in which outputs are listed."""

_DURATIONS = ("duration", "mp3_duration", "duration_mp3", "wav_duration", "duration_wav")
_ROLES = {
    "url": MAIN,
    "watermark_url": WATERMARK,
    "mp3_url": "mp3",
    "url_mp3": "mp3",
    "wav_url": "wav",
    "url_wav": "wav",
    "trial_url": "trial",
}
_ORDER = {MAIN: 0, "mp3": 1, "wav": 2, WATERMARK: 9}
_ELSEWHERE = 5


def read_outputs(task: Mapping[str, Any], updated_at: datetime | None) -> tuple[Output, ...]:
    """Return a task's outputs with the files that can be fetched; an entry that says nothing is left out.

    updated_at: Kling's update time, from which a file's expiry follows where its URL does not tell.
    """
    fallback = None if updated_at is None else updated_at + LIFETIME
    return tuple(
        output
        for type_, entry in list(_legacy_entries(task)) or _new_entries(task)
        if (output := _read_output(type_, entry, fallback)) is not None
    )


def _legacy_entries(task: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    results = task.get("task_result")
    if not isinstance(results, dict):
        return
    for key in sorted(results, key=_listing):
        entries = results[key]
        for entry in entries if isinstance(entries, list) else (entries,):
            if isinstance(entry, dict) and entry:
                yield _TYPES.get(key) or read_label(key.removesuffix("s")) or "other", entry


def _new_entries(task: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    outputs = task.get("outputs")
    for entry in outputs if isinstance(outputs, list) else ():
        if isinstance(entry, dict) and entry:
            yield read_label(entry.get("type")) or "other", entry


def _listing(key: str) -> tuple[int, str]:
    return (list(_TYPES).index(key), key) if key in _TYPES else (len(_TYPES), key)


def _read_output(type_: str, entry: dict[str, Any], fallback: datetime | None) -> Output | None:
    files = [
        OutputFile(role=role, url=url, expires_at=expires_at(url) or fallback)
        for role, url in _urls(type_, entry, None, _DEPTH)
    ]
    if len(files) > 1:
        files.sort(key=lambda file: _ORDER.get(file.role, _ELSEWHERE))
    id_ = read_label(entry.get("id")) or read_label(entry.get(f"{type_}_id"))
    if not files and id_ is None and "type" not in entry:
        return None
    return Output(type=type_, id=id_, duration=_read_duration(entry), files=tuple(files))


def _read_duration(entry: dict[str, Any]) -> str | None:
    for key in _DURATIONS:
        if (value := entry.get(key)) is not None and (duration := read_decimal(value)) is not None:
            return duration
    return None


def _urls(type_: str, entry: dict[str, Any], inner: str | None, depth: int) -> Iterator[tuple[str, str]]:
    """Yield role and URL of each file of an entry, those of its references included.

    inner: the role of a reference's own file; None for the output itself.
    """
    for key, value in entry.items():
        if isinstance(value, str):
            if value and "url" in key.lower() and _is_fetchable(value):
                role = _ROLES.get(key) or _role_of(key, type_)
                yield (inner if inner is not None and role == MAIN else role), value
        elif depth and value and isinstance(value, list | dict):
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, dict):
                    yield from _urls(type_, part, _sane_role(part.get("role")) or _sane_role(key) or "other", depth - 1)


def _role_of(key: str, type_: str) -> str:
    """Derive a role from a field's name: `cover_url` is a `cover`, `url_2` a `2`, a video's `video_url` is its main."""
    role = key.lower().replace("url", "").strip("_")
    return MAIN if role in ("", type_) else _sane_role(role) or "other"


def _sane_role(role: Any) -> str | None:
    """Return the role if it is a plain lower-case word, fit for a file's name."""
    if not isinstance(role, str) or not 0 < len(role) <= _MAX_ROLE:
        return None
    plain = role.replace("_", "")
    return role.lower() if plain.isascii() and plain.isalnum() else None


def _is_fetchable(url: str) -> bool:
    """True for an http or https URL of sane length with a host and without spaces or control characters."""
    if len(url) > _MAX_URL or not url.startswith(("https://", "http://")):
        return False
    host = url[url.index("/") + 2 :]
    return bool(host) and host[0] not in "/?#:@" and url.isprintable() and " " not in url
