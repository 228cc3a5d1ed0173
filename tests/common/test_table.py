"""Tables of numbers: what a crash leaves of them is kept, and nothing that is not whole."""

import errno
import io
import math
import tempfile

import numpy as np
import pytest

from common.errors import UserError
from common.table import Table, read_table

COLUMNS = ("epoch", "d_loss", "g_loss")
ROWS = [(1, 0.5, 2.25), (2, 0.123456789, -1e-30), (3, 1e20, 0.0)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "losses.csv"


def fill(path, rows=ROWS, **how):
    """Adds rows to a table, new or there already; gives all its rows."""
    table = Table(path, COLUMNS, **how)
    for row in rows:
        table.add(row)
    table.close()
    return table.rows


def test_text(path):
    """A table is a CSV file with a line of names."""
    fill(path, ROWS[:2])
    assert path.read_text() == "epoch,d_loss,g_loss\n1,0.5,2.25\n2,0.123456789,-1e-30\n"


def test_no_rows(path):
    """A table has its names before it has rows."""
    assert fill(path, []) == [] == read_table(path, 3)
    assert path.read_text() == "epoch,d_loss,g_loss\n"


def test_no_file(path):
    """A table that was never written has no rows."""
    assert read_table(path, 3) == [] and not path.exists()


def test_rows_are_there_at_once(path):
    """A row added is in the file, without closing it."""
    table = Table(str(path), COLUMNS)
    for count, row in enumerate(ROWS, 1):
        table.add(list(row))
        assert read_table(str(path), 3) == table.rows == ROWS[:count]
    table.close()


def test_going_on(path):
    """Rows that are there stay, and new ones follow."""
    fill(path)
    more = [(4, 0.25, 0.75)]
    assert fill(path, more) == ROWS + more == read_table(path, 3)
    assert path.read_text().count("epoch") == 1


def test_keeping_some(path):
    """Rows that are not to be kept are dropped, from the file as well."""
    fill(path)
    assert fill(path, [], keep=lambda row: row[0] <= 2) == ROWS[:2] == read_table(path, 3)


def test_nine_digits(path):
    """Every float32 comes back with all its bits, every other number with nine digits."""
    random = np.random.RandomState(0)
    numbers = random.standard_normal(500) * 10.0 ** random.randint(-30, 30, 500)
    narrow = numbers.astype(np.float32)
    rows = [(i, float(n), float(m)) for i, (n, m) in enumerate(zip(numbers, narrow, strict=True))]
    fill(path, rows)
    count, first, second = zip(*read_table(path, 3), strict=True)
    assert count == tuple(range(500))
    np.testing.assert_allclose(first, numbers, rtol=5e-9)
    np.testing.assert_array_equal(np.float32(second), narrow)


@pytest.mark.parametrize("kind", [np.float32, np.float64, int, np.int64], ids=lambda k: k.__name__)
def test_kinds_of_numbers(path, kind):
    """NumPy's numbers and whole ones are written as numbers."""
    fill(path, [(1, kind(2), kind(-3))])
    assert read_table(path, 3) == [(1, 2.0, -3.0)]


def test_numbers_that_are_none(path):
    """Infinities and nan, which losses become, come back too."""
    fill(path, [(1, math.inf, -math.inf), (2, math.nan, 0.5)])
    first, second = read_table(path, 3)
    assert first == (1, math.inf, -math.inf) and math.isnan(second[1]) and second[2] == 0.5


@pytest.mark.parametrize("at", range(1, 60))
def test_cut_at_every_byte(path, at):
    """Of a table cut short the whole rows are left, and no row with half a number."""
    fill(path)
    whole = path.read_bytes()
    assert len(whole) > 60
    path.write_bytes(whole[:-at])
    # A line is whole once it has ended.
    expected = ROWS[: max(0, whole[:-at].count(b"\n") - 1)]
    assert read_table(path, 3) == expected
    more = [(9, 9.5, 9.25)]
    assert fill(path, more) == expected + more == read_table(path, 3)


GARBAGE = {
    "text": b"nothing\n",
    "empty line": b"\n",
    "too few": b"4,0.5\n",
    "too many": b"4,0.5,0.5,0.5\n",
    "no number": b"4,0.5,x\n",
    "a number missing": b"4,,0.5\n",
    "zeros": bytes(20) + b"\n",
    "no text": b"\xff\xfe\x80,\xff\n",
    "thousands of digits": b"9" * 5000 + b",0.5,0.5\n",
    "names": b"epoch,d_loss,g_loss\n",
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
def test_garbage(path, line):
    """A table ends before the first line that is no row; a new row takes its place."""
    fill(path, ROWS[:2])
    path.write_bytes(path.read_bytes() + line + b"5,0.5,0.5\n")
    assert read_table(path, 3) == ROWS[:2]
    assert fill(path, ROWS[2:]) == ROWS == read_table(path, 3)


def test_other_columns(path):
    """Rows of another number of columns are not kept."""
    fill(path)
    assert read_table(path, 2) == read_table(path, 4) == []


@pytest.mark.parametrize("where", ["no folder", "a folder in its place"])
def test_no_place(tmp_path, path, where):
    """A table that cannot be made gives one line."""
    if where == "no folder":
        path = tmp_path / "none" / "losses.csv"
    else:
        path.mkdir()
    with pytest.raises(UserError, match="cannot write"):
        Table(path, COLUMNS)


def test_no_permission(path, monkeypatch):
    """If there is no permission to go on with it, the table stays as it is."""
    fill(path)
    before = path.read_bytes()

    # Permissions do not stop an administrator, who may be running the tests.
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        Table(path, COLUMNS)
    assert path.read_bytes() == before


def test_full_disk(path, monkeypatch):
    """A row that finds no room gives one line, and closing gives none."""
    full = open("/dev/full", "ab", buffering=0)  # noqa: SIM115
    monkeypatch.setattr("common.table.open", lambda *_, **__: full, raising=False)
    table = Table(path, COLUMNS)
    with pytest.raises(UserError, match=r"cannot write .*losses\.csv: No space left"):
        table.add(ROWS[0])
    table.close()


class NearlyFull(io.FileIO):
    """A file that takes ten bytes at a time, as one on a disk with so much room does once."""

    def write(self, data):
        return super().write(data[:10])


def test_nearly_full_disk(path, monkeypatch):
    """A row is written whole, or it is told that it was not."""
    monkeypatch.setattr("common.table.open", lambda *_, **__: NearlyFull(path, "a"), raising=False)
    table, told = Table(path, COLUMNS), False
    try:
        table.add(ROWS[1])
    except UserError:
        told = True
    table.close()
    assert told or read_table(path, 3) == ROWS[1:2]
