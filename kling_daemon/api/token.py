"""The token that opens the local API, made at the first start."""

import re
import secrets
from pathlib import Path

from kling_daemon.client.discovery import TOKEN_FILE
from kling_daemon.private_files import make_private_file

_BYTES = 32
_TOKEN = re.compile(r"[\x21-\x7e]{32,512}", re.ASCII)
_READABLE_BY_OTHERS = 0o007


class TokenError(Exception):
    """The token cannot be made or used; the message says why and what to do, never the token."""


def ensure_token(directory: Path, credential: str | None = None) -> str:
    """Return the API's token: the credential where one is given, else what the state directory keeps.

    The first call makes `<directory>/api-token`, mode 0600: 32 random bytes as base64url. It appears complete or not at
    all, also when the machine fails meanwhile, and one that exists is never replaced. Raises TokenError.
    """
    if credential is not None:
        return _checked(credential, "the credential api_token")
    path = directory / TOKEN_FILE
    try:
        if not path.exists():
            make_private_file(path, f"{secrets.token_urlsafe(_BYTES)}\n".encode())
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            raise TokenError(f"{path} can be read by everybody; delete it for a new one, or chmod it to 0600")
        return _checked(path.read_text(encoding="ascii"), str(path))
    except OSError as error:
        raise TokenError(f"{path} cannot be read or made: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenError(f"{path} is no token; delete it for a new one") from None


def _checked(text: str, source: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise TokenError(f"{source} must be one word of 32 to 512 ASCII characters")
    return token
