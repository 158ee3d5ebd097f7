"""From a SMILES to what Vina docks."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.chemistry.docking.ligand import conformer, ligand_pdbqt, protonated
from molvae.errors import InputError


def test_a_conformer_depends_on_the_seed_alone():
    first, again, other = (conformer("CC(=O)Nc1ccc(O)cc1", seed).GetConformer().GetPositions() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_stereochemistry_that_is_drawn_is_kept():
    for smiles in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "C/C=C/C", "C/C=C\\C"):
        mol = conformer(smiles, 1)
        Chem.AssignStereochemistryFrom3D(mol)
        assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize(
    "smiles, message",
    [
        ("not a molecule", "white space"),
        ("CCO.CC", "more than one fragment"),
        ("C1C#CC1", "could be embedded"),
    ],
)
def test_what_has_no_conformer_is_refused_with_the_reason(smiles, message):
    with pytest.raises(InputError, match=message):
        conformer(smiles, 1)


def test_rotatable_bonds_and_atom_types():
    pytest.importorskip("meeko")
    text = ligand_pdbqt(conformer("CC(=O)Nc1ccc(O)cc1", 1))
    assert "TORSDOF 2" in text and text.count("BRANCH") == 4  # begin and end of two
    assert {line[77:].strip() for line in text.splitlines() if line.startswith("ATOM")} == {"A", "C", "N", "OA", "HD"}
    with pytest.raises(InputError, match="meeko cannot prepare the ligand"):
        ligand_pdbqt(conformer("CC[Se]C", 1))


def test_protonation_is_as_drawn_or_that_of_a_ph():
    assert protonated("CCN", None) == "CCN"
    pytest.importorskip("dimorphite_dl")
    assert protonated("CCN", 7.4) == "CC[NH3+]" and protonated("CC(=O)O", 7.4) == "CC(=O)[O-]"
    assert protonated("CCN", 13) == "CCN"
