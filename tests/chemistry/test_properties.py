"""Properties against published values and against RDKit."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.chemistry.molecule import canonical, parse_smiles
from molvae.chemistry.properties import PROPERTIES, compute, compute_many
from molvae.errors import ConfigError
from molvae.run.progress import silent

BEST = "COc1ccc(NC(=O)c2ccc(Br)cc2)cc1"  # the best of ZINC250k by 5*QED - SAS


def test_the_best_molecule_of_zinc250k():
    values = compute(Chem.MolFromSmiles(BEST), ["QED", "SAS"])
    assert 5 * values["QED"] - values["SAS"] == pytest.approx(3.3576, abs=1e-4)


@pytest.mark.parametrize(
    ("smiles", "name", "value"),
    [
        ("CCO", "MW", 46.069),
        ("CCO", "HBD", 1),
        ("c1ccccc1", "aromatic_rings", 1),
        ("C1CCCCCCC1", "largest_ring", 8),
        ("C", "largest_ring", 0),
        ("[NH3+]CC(=O)[O-]", "formal_charge", 0),
        ("C[C@H](N)C(=O)O", "stereocenters", 1),
        ("c1ccccc1", "penalized_logP", 1.6866 - 1.0),
    ],
)
def test_values(smiles, name, value):
    assert compute(Chem.MolFromSmiles(smiles), [name])[name] == pytest.approx(value, abs=0.02)


def test_every_property_is_a_finite_number_of_a_drug():
    values = compute(Chem.MolFromSmiles(BEST), list(PROPERTIES))
    assert len(values) >= 15 and all(np.isfinite(value) for value in values.values())


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'logP'"):
        compute_many(["C"], ["logp"])


def test_rows_keep_their_places():
    table = compute_many(["CCO", "C1CC", "c1ccccc1"], ["MW"], progress=silent)
    assert table["valid"].tolist() == [True, False, True]
    assert table["MW"].isna().tolist() == [False, True, False] and table["error"][1]


def test_processes_give_the_same_as_one():
    smiles = ["C" * (1 + n % 30) for n in range(300)]
    assert compute_many(smiles, ["MW"], num_workers=2, progress=silent).equals(
        compute_many(smiles, ["MW"], 1, progress=silent)
    )


@pytest.mark.parametrize(
    "text",
    ["", "  ", "C1CC", "C" * 1001, "[Xx]", "C(C)(C)(C)(C)C", "c1cccc1", "C C", "C\x00C", "\ud800", "é", "()"],
)
def test_what_is_no_molecule_has_a_reason_and_never_raises(text):
    mol, reason = parse_smiles(text)
    assert mol is None and reason and canonical(text) is None


def test_canonical_smiles_are_the_same_for_the_same_molecule():
    assert canonical("OCC") == canonical("C(O)C") == "CCO"
