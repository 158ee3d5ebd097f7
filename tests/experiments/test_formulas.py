"""Formulas over many molecules: a column for each, a row for each, NaN where there is no molecule."""

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.objective import Objective
from molvae.experiments.formulas import formula_values


def objective(text: str, direction: str = "max") -> Objective:
    return Objective.parse(text, direction, MOLECULES)


def test_values_are_those_of_each_molecule_by_itself():
    smiles = ["CCO", "c1ccccc1C", "CC(=O)Nc1ccc(O)cc1"]
    formulas = [objective("5*QED - SAS"), objective("heavy_atoms", "min")]
    values = formula_values(formulas, smiles)
    assert values.shape == (3, 2) and values[:, 1].tolist() == [3, 7, 11]  # in the user's sign
    for text, value in zip(smiles, values[:, 0], strict=True):
        properties = MOLECULES.compute(MOLECULES.parse(text)[0], ["QED", "SAS"])
        assert value == pytest.approx(5 * properties["QED"] - properties["SAS"])


def test_what_is_no_molecule_has_no_value_not_even_of_a_constant():
    values = formula_values([objective("QED**0"), objective("logP")], ["CCO", None, "C1CC", ""])
    assert values[0, 0] == 1 and np.isnan(values[1:]).all() and np.isfinite(values[0]).all()


def test_no_molecules_are_no_rows():
    assert formula_values([objective("QED")], []).shape == (0, 1)
