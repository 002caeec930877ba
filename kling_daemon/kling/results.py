"""Reads what a task yielded, from `task_result` of the legacy dialect or `outputs` of the new one.

The same result reads the same in both dialects, since a legacy job may be reported in either.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kling_daemon.kling.expiry import LIFETIME, expires_at
from kling_daemon.kling.scalars import read_decimal, read_label
from kling_daemon.outputs import Output, OutputFile

MAIN = "main"
WATERMARK = "watermark"

_SCHEMES = ("https://", "http://")
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
_LISTING = {key: place for place, key in enumerate(_TYPES)}

_DURATIONS = ("duration", "mp3_duration", "duration_mp3", "wav_duration", "duration_wav")
_ROLES = {
    "url": MAIN,
    "watermark_url": WATERMARK,
    "mp3_url": "mp3",
    "url_mp3": "mp3",
    "wav_url": "wav",
    "url_wav": "wav",
    "trial_url": MAIN,  # of a voice: the sample that the new dialect calls its `url`
    "frontal_image": "frontal",
}
_REFERENCES = {"refer_images": "refer", "refer_videos": "refer", "element_voice_info": "refer"}
"""Where a legacy element keeps what the new dialect lists as references, and the role that it has there."""
_PLAIN = frozenset({MAIN, "image", "video", "audio", "voice"})
"""What a URL may be called that is the reference itself, and not something beside it."""
_ORDER = {MAIN: 0, "frontal": 1, "mp3": 1, "wav": 2, WATERMARK: 9}
_ELSEWHERE = 5


def read_outputs(task: Mapping[str, Any], updated_at: datetime | None) -> tuple[Output, ...]:
    """Return a task's outputs with the files that can be fetched; an entry that says nothing is left out.

    updated_at: Kling's update time, from which a file's expiry follows where its URL does not tell.
    """
    entries = _legacy_entries(task) or _new_entries(task)
    if not entries:
        return ()
    fallback = None if updated_at is None else updated_at + LIFETIME
    outputs = [_read_output(type_, entry, fallback) for type_, entry in entries]
    return tuple([output for output in outputs if output is not None])


def _legacy_entries(task: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    results = task.get("task_result")
    if not isinstance(results, dict):
        return []
    found: list[tuple[str, dict[str, Any]]] = []
    for key in sorted(results, key=_listing):
        entries = results[key]
        type_ = _TYPES.get(key) or read_label(key.removesuffix("s")) or "other"
        if not isinstance(entries, list):
            entries = [entries]
        found += [(type_, entry) for entry in entries if isinstance(entry, dict) and entry]
    return found


def _new_entries(task: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    outputs = task.get("outputs")
    if not isinstance(outputs, list):
        return []
    return [(read_label(entry.get("type")) or "other", entry) for entry in outputs if isinstance(entry, dict) and entry]


def _listing(key: str) -> tuple[int, str]:
    return _LISTING.get(key, len(_LISTING)), key


def _read_output(type_: str, entry: dict[str, Any], fallback: datetime | None) -> Output | None:
    files: list[OutputFile] = []
    _add_files(files, type_, entry, fallback, role=None, depth=_DEPTH)
    if len(files) > 1:
        files.sort(key=_order)
    id_ = read_label(entry.get("id")) or read_label(entry.get(f"{type_}_id"))
    if not files and id_ is None and "type" not in entry:
        return None
    return Output(type=type_, id=id_, duration=_read_duration(entry), files=tuple(files))


def _order(file: OutputFile) -> tuple[int, int]:
    """Shots are in the order of their numbers, whatever that of the keys; what has none stays where Kling put it."""
    return _ORDER.get(file.role, _ELSEWHERE), int(file.role) if file.role.isdigit() else 0


def _read_duration(entry: dict[str, Any]) -> str | None:
    for key in _DURATIONS:
        if key in entry and (duration := read_decimal(entry[key])) is not None:
            return duration
    return None


def _add_files(
    files: list[OutputFile],
    type_: str,
    entry: dict[str, Any],
    fallback: datetime | None,
    *,
    role: str | None,
    depth: int,
) -> None:
    """Add the file behind each field of an entry that names a URL, those of its references included.

    role: that of a reference's main file; None for the output itself.
    """
    for key, value in entry.items():
        if isinstance(value, str):
            if (key in _ROLES or "url" in key.lower()) and _is_fetchable(value):
                own = _ROLES.get(key) or _role_of(key, type_)
                if role is not None and own in _PLAIN:
                    own = role
                files.append(_file(own, value, fallback))
        elif depth and value and isinstance(value, list | dict):
            inner = _REFERENCES.get(key) or _sane_role(key) or "other"
            for number, part in enumerate(value if isinstance(value, list) else (value,), start=1):
                if isinstance(part, dict):
                    of_part = _sane_role(part.get("role")) or inner
                    _add_files(files, type_, part, fallback, role=of_part, depth=depth - 1)
                elif isinstance(part, str) and _is_fetchable(part):
                    # A bare list of addresses, such as `urls`: parts of one result, like the shots of a multi-shot.
                    files.append(_file(str(number) if role is None else role, part, fallback))


def _file(role: str, url: str, fallback: datetime | None) -> OutputFile:
    return OutputFile(role=role, url=url, expires_at=expires_at(url) or fallback)


def _role_of(key: str, type_: str) -> str:
    """Derive a role from a field's name: `cover_url` is a `cover`, `url_2` a `2`, a video's `video_url` is its main.

    So it is with a `product_video` or `subbed_video`, for such a type ends with what its file is.
    """
    role = key.lower().replace("url", "").strip("_")
    is_main = role in ("", type_) or type_.endswith((f"_{role}", f"_{role}s"))
    return MAIN if is_main else _sane_role(role) or "other"


def _sane_role(role: Any) -> str | None:
    """Return the role if it is a plain lower-case word, fit for a file's name."""
    if not isinstance(role, str) or not 0 < len(role) <= _MAX_ROLE:
        return None
    plain = role.replace("_", "")
    return role.lower() if plain.isascii() and plain.isalnum() else None


def _is_fetchable(url: str) -> bool:
    """True for an HTTP URL of sane length, with a host, without spaces or control characters."""
    if not url.startswith(_SCHEMES) or len(url) > _MAX_URL:
        return False
    host = url[url.index("/") + 2 :]
    return bool(host) and host[0] not in "/?#:@" and url.isprintable() and " " not in url
