"""Arrays that are written row by row and mapped."""

import numpy as np
import pytest

from molvae.run.arrays import npy_writer


@pytest.mark.parametrize("columns", [None, 3])
def test_what_is_appended_is_one_array(tmp_path, columns):
    shape = () if columns is None else (columns,)
    parts = [np.random.default_rng(size).normal(size=(size, *shape)).astype(np.float32) for size in (0, 5, 70_000)]
    with npy_writer(tmp_path / "x.npy", np.float32, columns) as append:
        for part in parts:
            append(part)
    read = np.load(tmp_path / "x.npy", mmap_mode="r", allow_pickle=False)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.concatenate(parts))


def test_an_array_without_rows(tmp_path):
    with npy_writer(tmp_path / "x.npy", np.uint8):
        pass
    assert np.load(tmp_path / "x.npy", allow_pickle=False).shape == (0,)


def test_rows_of_another_shape_are_refused(tmp_path):
    with pytest.raises(AssertionError, match="in an array of"), npy_writer(tmp_path / "x.npy", np.float32, 3) as append:
        append(np.zeros((2, 4)))
