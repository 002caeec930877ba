"""Errors, as the API answers them."""

from kling_daemon.client.models.answers import Answer


class ProblemModel(Answer):
    """An error, as RFC 9457 writes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
