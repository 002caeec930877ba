"""File names that are safe whatever they are made from."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import urlsplit

_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]")
_MAX_VALUE = 80
_MAX_NAME = 200
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_FALLBACK_EXTENSION = "bin"
_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "application/x-subrip": "srt",
        "application/zip": "zip",
        "audio/aac": "aac",
        "audio/mp4": "m4a",
        "audio/mpeg": "mp3",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "image/gif": "gif",
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/webp": "webp",
        "model/gltf-binary": "glb",
        "text/x-ssa": "ass",
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/webm": "webm",
    }
)


def safe(text: str) -> str:
    """Return a name of letters, digits and `._=-` that is not hidden, not empty and at most 80 characters long.

    A text that is such a name stays as it is; any other is marked with a digest of itself, so that two different
    texts never become one name.
    """
    name = _UNSAFE.sub("_", text).lstrip(".")[:_MAX_VALUE]
    if name == text and name:
        return name
    return f"{name[: _MAX_VALUE - 9] or '_'}-{_digest(text)}"


def shorten(name: str) -> str:
    """Return the name, cut to 200 bytes and marked with a digest of itself when it is longer."""
    encoded = name.encode()
    if len(encoded) <= _MAX_NAME:
        return name
    return f"{encoded[: _MAX_NAME - 9].decode(errors='ignore')}-{_digest(name)}"


def extension(content_type: str | None, url: str) -> str:
    """Return a file's extension without the dot: by its media type, else by the URL's path, else `bin`."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if known := _EXTENSIONS.get(media_type):
        return known
    suffix = PurePosixPath(urlsplit(unsigned(url)).path).suffix.removeprefix(".").lower()
    return suffix if _EXTENSION.fullmatch(suffix) else _FALLBACK_EXTENSION


def unsigned(url: str) -> str:
    """Return a URL without what gives access: user, query and fragment; empty when it cannot be read as one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
