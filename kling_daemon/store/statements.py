"""Reads the SQL that the store runs from its `.sql` files, where each statement has a name."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

_MARK = "-- name: "


class Statements(Mapping[str, str]):
    """The named statements of one `.sql` file; a name that is not there is a KeyError at the first use."""

    def __init__(self, file: str) -> None:
        """Read `sql/<file>.sql` of this package."""
        text = files("kling_daemon.store").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
        self._statements: dict[str, str] = {}
        for block in text.split(_MARK)[1:]:
            name, _, statement = block.partition("\n")
            self._statements[name.strip()] = statement.strip().removesuffix(";")

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)
