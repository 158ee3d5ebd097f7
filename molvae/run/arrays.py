"""Arrays on disk that are longer than memory: written from one end to the other, read as memory maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np


class AppendRows(Protocol):
    """Takes the next rows of an array."""

    def __call__(self, rows: np.ndarray, /) -> None: ...


@contextmanager
def npy_writer(path: Path, dtype: np.dtype | type, columns: int | None = None) -> Iterator[AppendRows]:
    """Write a ``.npy`` file, (n,) or (n, columns), without holding it; n is whatever has been appended at the end."""
    wanted, count = np.dtype(dtype), 0
    width = () if columns is None else (columns,)

    def header() -> None:
        # numpy leaves room in the header for the first axis to grow
        values = {"descr": np.lib.format.dtype_to_descr(wanted), "fortran_order": False, "shape": (count, *width)}
        np.lib.format.write_array_header_1_0(file, values)

    with path.open("wb") as file:
        header()
        start = file.tell()

        def append(rows: np.ndarray, /) -> None:
            nonlocal count
            rows = np.ascontiguousarray(rows, dtype=wanted)
            assert rows.shape[1:] == width, f"rows of {rows.shape[1:]} in an array of {width}"
            file.write(rows.tobytes())
            count += len(rows)

        yield append
        file.seek(0)
        header()
        assert file.tell() == start, "the header has grown"
