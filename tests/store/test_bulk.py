import sqlite3

import pytest

from kling_daemon.store.bulk import BulkInsert, marks


@pytest.mark.parametrize("count", [0, 1, 2, 3, 127, 128, 129, 255, 300])
def test_every_row_is_written_once_and_in_order(count):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (seq INTEGER PRIMARY KEY, word TEXT, kind TEXT) STRICT")
    insert = BulkInsert("INSERT INTO t (seq, word, kind) VALUES {rows}", "(?, ?, 'plain')")
    rows = [(number, f"word {number}") for number in range(count)]
    insert.run(db, rows)
    assert db.execute("SELECT seq, word, kind FROM t ORDER BY seq").fetchall() == [(*row, "plain") for row in rows]
    db.close()


def test_marks_stand_for_the_values_of_a_row():
    assert marks(3) == "(?, ?, ?)"
