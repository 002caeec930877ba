"""What is made of the configured secrets, what is wrong with their form, and which are missing."""

import os

import structlog

from kling_daemon.clock import Clock
from kling_daemon.config import Problem, Settings, credential_file
from kling_daemon.kling.auth import ApiKey, Credential
from kling_daemon.kling.tokens import KeyPair, SignedTokens
from kling_daemon.standard_webhooks import RECOMMENDED_BYTES, Secret, Verifier, parse_verifier

log = structlog.get_logger(__name__)


def webhook_secrets(settings: Settings) -> list[Verifier]:
    """Return the secrets that callbacks may be signed with; ValueError for one that is malformed."""
    return [parse_verifier(name, secret.get_secret_value()) for name, secret in settings.trust.secrets.items()]


def kling_credential(settings: Settings, clock: Clock) -> Credential | None:
    """Return what proves to Kling who we are, if there is anything; ValueError for what is malformed.

    The API key wins over access key and secret key, since it is good for everything that they are good for.
    """
    api_key = _api_key(settings)
    if api_key is not None:
        return api_key
    pair = _key_pair(settings)
    return None if pair is None else SignedTokens(pair, clock)


def _api_key(settings: Settings) -> ApiKey | None:
    return None if settings.kling.api_key is None else ApiKey(key=settings.kling.api_key.get_secret_value())


def _key_pair(settings: Settings) -> KeyPair | None:
    access_key, secret_key = settings.kling.access_key, settings.kling.secret_key
    if access_key is None or secret_key is None:
        return None
    return KeyPair(access_key=access_key.get_secret_value(), secret_key=secret_key.get_secret_value())


def problems_with_secrets(settings: Settings) -> list[Problem]:
    """Return what is wrong with the form of the secrets, none of which is quoted."""
    problems = []
    for name, secret in settings.trust.secrets.items():
        try:
            parse_verifier(name, secret.get_secret_value())
        except ValueError as error:
            problems.append(Problem(path=f"trust.secrets.{name}", message=str(error)))
    for path, read in (("kling.api_key", _api_key), ("kling.secret_key", _key_pair)):
        try:
            read(settings)
        except ValueError as error:
            problems.append(Problem(path=path, message=str(error)))
    return problems


def doubts_about_secrets(settings: Settings) -> list[Problem]:
    """Return which secrets work and are yet weaker than they should be."""
    doubts = []
    for name, text in settings.trust.secrets.items():
        try:
            secret = parse_verifier(name, text.get_secret_value())
        except ValueError:
            continue  # told among the problems
        if isinstance(secret, Secret) and secret.is_short:
            asked = f"and Standard Webhooks asks for {RECOMMENDED_BYTES} at least"
            message = f"has {len(secret.key)} bytes, {asked}: a short one is guessed sooner; have a new one made"
            doubts.append(Problem(path=f"trust.secrets.{name}", message=message))
    return doubts


def warn_of_missing(settings: Settings) -> None:
    """Log which secrets there are none of, since the daemon runs without them, only not as well."""
    if settings.kling.api_key is None and settings.kling.access_key is not None:
        log.warning(
            "no kling api key: with access and secret key alone, only jobs of paths below /v1/ can be made and polled",
            remedy="make an API key in Kling's console and set kling.api_key, KLING_API_KEY or kling_api_key",
        )
    elif settings.kling.api_key is None:
        log.warning(
            "no kling api key: callbacks are taken, but nothing can be polled, confirmed or submitted",
            remedy="set kling.api_key, KLING_API_KEY or the credential kling_api_key",
        )
    if not settings.trust.secrets:
        log.warning(
            "no webhook secret: signed callbacks are refused",
            remedy="set trust.secrets.NAME, KLING_WEBHOOK_SECRETS or the credential webhook_secrets",
        )


def credential(name: str) -> str | None:
    """Return a systemd credential, if there is one."""
    path = credential_file(name, os.environ)
    # What is no text has no chance of being a token either; whoever checks it says so.
    return None if path is None else path.read_text(encoding="utf-8", errors="replace")
