"""Latent points in a table: read as they were written, and what is none says where and why."""

import numpy as np
import pandas as pd
import pytest

from molvae.core.point_tables import point_columns, points_of
from molvae.errors import InputError


def test_points_are_read_by_the_names_of_their_columns():
    table = pd.DataFrame({"z1": [0.5, -1.0], "name": ["a", "b"], "z0": ["2", " 3.25 "]})
    points, problems = points_of(table, 2)
    assert point_columns(2) == ["z0", "z1"]
    assert points.dtype == np.float32 and points.tolist() == [[2.0, 0.5], [3.25, -1.0]]
    assert problems == {}


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("foo", "z1 is 'foo', not a finite number"),
        ("", "z1 is empty"),
        (None, "z1 is empty"),
        ("inf", "z1 is 'inf', not a finite number"),
        (1e300, "z1 is '1e+300', not a finite number"),
    ],
)
def test_a_cell_that_is_no_number_is_named_and_the_other_rows_are_read(cell, problem):
    table = pd.DataFrame({"z0": ["1", "2", "3"], "z1": ["1", cell, "3"]}, dtype=object, index=[7, 8, 9])
    points, problems = points_of(table, 2)
    assert problems == {1: f"no latent point: {problem}"}
    assert np.isfinite(points).all(1).tolist() == [True, False, True]


def test_of_several_cells_the_first_is_named():
    _, problems = points_of(pd.DataFrame({"z0": [np.nan], "z1": ["x"]}), 2)
    assert problems == {0: "no latent point: z0 is empty"}


def test_a_missing_column_is_named_with_those_that_are_needed():
    with pytest.raises(InputError, match="no column 'z2': decoding needs z0 to z3"):
        points_of(pd.DataFrame({"z0": [0.0], "z1": [0.0]}), 4)
