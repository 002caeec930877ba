"""Takes over another first token of the local API when the configuration is read anew."""

from collections.abc import Callable
from pathlib import Path

from kling_daemon.api import TokenError, TokenRegistry, ensure_token
from kling_daemon.app.reloading import Prepare
from kling_daemon.app.secrets import credential
from kling_daemon.config import ConfigError, Problem, Settings


def first_token(directory: Path, tokens: TokenRegistry) -> Prepare:
    """Return what has a reload read the first token again; a file that is gone is made anew, as at a start."""

    def prepare(_settings: Settings) -> Callable[[], None]:
        try:
            text = ensure_token(directory, credential("api_token"))
        except TokenError as error:
            raise ConfigError([Problem(path="api_token", message=str(error))]) from None
        return lambda: tokens.exchange_first(text)

    return prepare
