"""Substituents are cut off and put on open positions."""

import random

import pytest
from rdkit import Chem

from molvae.chemistry.grafting import cuts, exchanged, hydrogen, joined, labelled, opened, substituents
from molvae.chemistry.molecule import Molecule


def molecule(smiles: str) -> Molecule:
    parsed, reason = Molecule.parse(smiles)
    assert parsed is not None, reason
    return parsed


def texts(pieces):
    return sorted({Chem.MolToSmiles(piece) for piece in pieces})


def test_both_sides_of_every_chain_bond():
    pairs = cuts(molecule("CC(=O)Nc1ccccc1"))
    assert texts([piece for pair in pairs for piece in pair]) == sorted(
        ["*C", "*C(=O)Nc1ccccc1", "*C(C)=O", "*Nc1ccccc1", "*NC(C)=O", "*c1ccccc1"]
    )


def test_a_small_molecule_is_a_substituent_itself():
    assert texts(opened(molecule("c1cc[nH]c1"))) == ["*c1cc[nH]c1", "*c1ccc[nH]1", "*n1cccc1"]
    assert texts(substituents(molecule("CCO"))) == sorted(["*C", "*CO", "*CC", "*O", "*CCO", "*C(C)O", "*OCC"])
    large = substituents(molecule("c1ccc(-c2ccc(-c3ccccc3)cc2)cc1"))  # 18 heavy atoms: only what is cut off counts
    assert texts(large) == ["*c1ccc(-c2ccccc2)cc1", "*c1ccccc1"]


def test_pieces_are_joined_where_their_labels_agree():
    core = Chem.MolFromSmiles("[*:1]c1ccc([*:2])cc1")
    chlorine = Chem.MolFromSmiles("*Cl")
    assert joined(core, [labelled(chlorine, 1), hydrogen(2)]).smiles == "Clc1ccccc1"
    assert joined(core, [labelled(chlorine, 1), labelled(chlorine, 2)]).smiles == "Clc1ccc(Cl)cc1"
    assert joined(core, [labelled(chlorine, 1)]) is None  # a position is left open


def test_a_stereocentre_beside_an_open_position_is_kept():
    core = Chem.MolFromSmiles("C[C@H]([*:1])c1ccccc1")
    assert joined(core, [Chem.MolFromSmiles("[*:1]N")]).smiles == Chem.CanonSmiles("C[C@H](N)c1ccccc1")


@pytest.mark.parametrize("seed", range(20))
def test_a_part_is_exchanged_for_a_substituent_of_another(seed):
    parent, donor = molecule("CC(=O)Nc1ccc(O)cc1"), molecule("BrCCBr")
    made = exchanged(parent, donor, random.Random(seed))
    assert made is not None and "Br" in made.smiles and made != parent
    assert exchanged(parent, donor, random.Random(seed)) == made
