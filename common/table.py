"""Tables of numbers that grow by a row, in files that a crash leaves readable."""

import os
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path

from common.errors import UserError
from common.files import written_whole

#: Numbers; a whole one stays whole.
Row = tuple[float, ...]


class Table:
    """A CSV file that rows are added to.

    Args:
        path: the file; rows that it has already are kept, up to the first that is not whole.
        columns: their names.
        keep: whether to keep a row that is there already; the others are dropped.

    Attributes:
        rows: all rows, the kept ones included.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        columns: Sequence[str],
        keep: Callable[[Row], bool] = lambda row: True,
    ):
        self._path = Path(path)
        self.rows = [row for row in read_table(path, len(columns)) if keep(row)]
        with written_whole(self._path) as temporary:
            lines = [",".join(columns), *map(_line, self.rows)]
            temporary.write_text("\n".join(lines) + "\n")
        # Unbuffered: a full disk is met when a row is written, not again when closing.
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115

    def add(self, row: Sequence[float]) -> None:
        """Adds a row.

        Raises:
            UserError: the file cannot be written.
        """
        self.rows.append(tuple(row))
        rest = (_line(row) + "\n").encode()
        try:
            # On a disk that is nearly full it may take a part only.
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise UserError(f"cannot write {self._path}: {error.strerror}") from None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _line(row: Sequence[float]) -> str:
    # All digits; NumPy's numbers would write their type, too.
    return ",".join(repr(int(v) if isinstance(v, Integral) else float(v)) for v in row)


def read_table(path: str | os.PathLike, columns: int) -> list[Row]:
    """Reads the rows of a file, up to the first that is not whole; none where there is no file.

    Args:
        path: of a `Table`.
        columns: how many it has.
    """
    path, rows = Path(path), []
    if path.is_file():
        # What comes after the last line's end was being written when something broke.
        for line in path.read_text(errors="replace").split("\n")[1:-1]:
            try:
                row = tuple(map(_number, line.split(",")))
            except ValueError:
                break
            if len(row) != columns:
                break
            rows.append(row)
    return rows


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)
