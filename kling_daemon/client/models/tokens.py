"""Tokens of the local API."""

from datetime import date
from typing import Annotated

import pydantic

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment
from kling_daemon.client.models.words import WordOf
from kling_daemon.scopes import Scope

TokenName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""What may name a token: it stands in paths and in logs."""


class NewTokenModel(pydantic.BaseModel):
    """The order to make a token."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: TokenName
    scope: Scope = Scope.READ


class TokenModel(Answer):
    """A token of the local API, without what it is."""

    name: str
    scope: WordOf[Scope]
    """`read`: sees everything and changes nothing; `admin`: may do everything."""
    made_at: Moment
    used_on: date | None
    """The last day on which it was used, UTC."""


class MadeTokenModel(TokenModel):
    """A token that was made just now."""

    token: str = pydantic.Field(repr=False)
    """The token itself, which is told this once."""
