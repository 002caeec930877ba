"""Pairs on the command line: an option such as `--tag KEY=VALUE`."""

from typing import Any

import click


class PairType(click.ParamType[tuple[str, str]]):
    """An option's key and value, with the first `=` between them; the value may be empty."""

    name = "pair"

    def __init__(self, noun: str, form: str = "KEY=VALUE") -> None:
        """Take what such a pair is, and how it is written, for the mistake."""
        self._noun = noun
        self._form = form

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Read it, or fail as a usage error."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is no {self._noun}; write {self._form}", param, ctx)
        return key, text


TAG = PairType("tag")
