"""Reads the SQL that the store runs from its `.sql` files, where each statement has a name."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from kling_daemon.store.rows import JOB_COLUMNS

_MARK = "-- name: "
_SNAPSHOT = f"json_array({', '.join(f'j.{column}' for column in JOB_COLUMNS)})"
_WORDS = {
    "{columns}": ", ".join(JOB_COLUMNS),
    "{assignments}": ", ".join(f"{column} = excluded.{column}" for column in JOB_COLUMNS[2:]),
    "{snapshot}": _SNAPSHOT,
    "{event}": f"e.seq, e.id, e.type, e.previous_state, e.occurred_at, coalesce(e.snapshot, {_SNAPSHOT}) AS snapshot",
    "{notice}": "id, kind, subject, message, raised_at",
}


class Statements(Mapping[str, str]):
    """The named statements of one `.sql` file; a name that is not there is a KeyError at the first use.

    In the files `{columns}` stands for the columns of a job's row, `{assignments}` for their new values in an upsert,
    `{snapshot}` for what an event keeps of the job `j`, `{event}` for the columns of an event `e` of the job `j`, and
    `{notice}` for those of a notice. The name of a statement further up in the same file stands for that statement.
    """

    def __init__(self, file: str) -> None:
        """Read `sql/<file>.sql` of this package."""
        text = files("kling_daemon.store").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
        for word, meaning in _WORDS.items():
            text = text.replace(word, meaning)
        self._statements: dict[str, str] = {}
        for block in text.split(_MARK)[1:]:
            name, _, statement = block.partition("\n")
            for part, meaning in self._statements.items():
                statement = statement.replace(f"{{{part}}}", meaning)
            self._statements[name.strip()] = statement.strip().removesuffix(";")

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)
