"""The minimal configuration that `init` writes: where Kling reaches us, and where the secrets are."""

import json
from dataclasses import dataclass
from pathlib import Path

from kling_daemon.cli.secret_places import CREDENTIAL, SecretPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstConfig:
    """What an operator has to decide first; everything else has a default that works."""

    public_url: str | None
    api_key: SecretPlace
    webhook_secret: SecretPlace

    def text(self, folder: Path) -> str:
        """Return it as TOML; what is still open stands there as a comment, with files of this folder as examples."""
        lines = [
            "# The configuration of kling-daemon, made by `kling-daemon init`. `kling-daemon config show` tells which",
            "# other keys there are, and `kling-daemon config check` what is wrong with those that are here.",
            "",
            "[receiver]",
            "# How Kling reaches the receiver, by default at 127.0.0.1:8765, through your TLS proxy.",
            _line("public_url", _quoted(self.public_url or "https://kling.example.com"), is_set=bool(self.public_url)),
            "",
            "[kling]",
            "# Kling's API key.",
            _secret("api_key", self.api_key, folder / API_KEY_FILE, "kling_api_key"),
            "",
            "[trust]",
            "# The webhook secret from Kling's console, by which callbacks prove that they are Kling's.",
            _secret("secrets.main", self.webhook_secret, folder / WEBHOOK_SECRET_FILE, "webhook_secrets"),
        ]
        return "\n".join(lines) + "\n"


API_KEY_FILE = "kling-api-key"
WEBHOOK_SECRET_FILE = "kling-webhook-secret"  # noqa: S105 - a file's name


def _secret(key: str, place: SecretPlace, example: Path, credential: str) -> str:
    if place.kind == CREDENTIAL:
        return f"# It comes as systemd's credential {credential}."
    where = {place.kind: place.where} if place.where else {"file": str(example)}
    ((kind, value),) = where.items()
    return _line(key, f"{{ {kind} = {_quoted(value)} }}", is_set=bool(place.where))


def _line(key: str, value: str, *, is_set: bool) -> str:
    return f"{'' if is_set else '#'}{key} = {value}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # TOML's basic strings, for what is printable
