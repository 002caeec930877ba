"""An account at the simulated Kling: the keys that open it, and the secrets that sign its callbacks."""

from dataclasses import dataclass, field

from kling_daemon.kling.tokens import KeyPair
from kling_daemon.standard_webhooks import Signer

MAIN = "main"
"""The account that there is without anybody asking for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKeys:
    """An account with its API key, its key pair, or both. ValueError says what is wrong, not the keys."""

    name: str
    api_key: str = field(default="", repr=False)
    """What `Authorization: Bearer …` must hold; with an empty one only tokens open the account."""
    access_key: str = field(default="", repr=False)
    """On legacy paths a token (JWT) of this access key is let in as well; with an empty one, none is."""
    secret_key: str = field(default="", repr=False)
    """What such a token must be signed with."""
    secrets: tuple[Signer, ...] = ()
    """Callbacks of its jobs are signed with each of them, as Kling does during a rotation; with none they are not."""

    def __post_init__(self) -> None:
        if not self.api_key and not self.access_key:
            raise ValueError("an account needs an api_key, or an access_key and a secret_key")
        if self.access_key or self.secret_key:
            try:
                self.pair()
            except ValueError as error:
                raise ValueError(f"access_key and secret_key: both or none, and {error}") from None

    def pair(self) -> KeyPair:
        """Return the key pair; ValueError when there is none."""
        return KeyPair(access_key=self.access_key, secret_key=self.secret_key)
