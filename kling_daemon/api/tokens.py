"""The tokens of the local API: who may use it, a new one, and one that is good for nothing from now on."""

from dataclasses import asdict
from http import HTTPStatus

from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Created, Routes, get, post
from kling_daemon.api.token_registry import FIRST
from kling_daemon.client.models import MadeTokenModel, NewTokenModel, Page, TokenModel
from kling_daemon.store import KnownToken


class TokenRoutes(Routes):
    """The routes below `/api/v1/tokens`."""

    @get("/api/v1/tokens")
    async def list_tokens(self) -> Page[TokenModel]:
        """List the tokens, without what they are."""
        return Page[TokenModel](items=[_model(token) for token in self._services.tokens.all()], next=None)

    @post("/api/v1/tokens", problems={HTTPStatus.CONFLICT: "there is a token of this name"})
    async def make_token(self, body: NewTokenModel) -> Created[MadeTokenModel]:
        """Make a token.

        What it is stands in this answer and nowhere else: the database keeps its digest only.
        """
        made = await self._services.tokens.make(body.name, body.scope)
        if made is None:
            raise ProblemError(HTTPStatus.CONFLICT, f"there is a token named '{body.name}'; choose another name")
        token, text = made
        model = MadeTokenModel.model_validate(_model(token).model_dump() | {"token": text})
        return Created(model=model, location=f"/api/v1/tokens/{token.name}")

    @get("/api/v1/tokens/{name}")
    async def get_token(self, name: str) -> TokenModel:
        """Get one token, without what it is."""
        for token in self._services.tokens.all():
            if token.name == name:
                return _model(token)
        raise _no_token()

    @post(
        "/api/v1/tokens/{name}/revoke",
        problems={HTTPStatus.CONFLICT: "it is the first token, which is exchanged where it comes from"},
    )
    async def revoke_token(self, name: str) -> TokenModel:
        """Make a token good for nothing from now on.

        What somebody is reading with it is broken off; a change that has begun is finished.
        """
        if name == FIRST:
            detail = "this one comes from the file api-token or a credential: exchange it there, then reload or restart"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        revoked = await self._services.tokens.revoke(name)
        if revoked is None:
            raise _no_token()
        return _model(revoked)


def _no_token() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "no token has this name")


def _model(token: KnownToken) -> TokenModel:
    values = asdict(token)
    del values["digest"]
    return TokenModel.model_validate(values)
