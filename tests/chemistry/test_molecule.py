"""A molecule is a value: parsed once, the same however it was written."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molvae.chemistry.molecule import Molecule, canonical


def test_equal_molecules_are_one_value():
    a, b = Molecule.parse("OCC")[0], Molecule.parse("C(C)O")[0]
    assert a == b and hash(a) == hash(b) and {a: 1}[b] == 1
    assert a.smiles == a.identity == "CCO" and a != Molecule.parse("CCN")[0]


@pytest.mark.parametrize("text", ["c1ccccc1OC(C)=O", "C(=O)(O)c1ccccc1", "[nH]1cccc1", "N[C@@H](C)C(=O)O"])
def test_atoms_stand_in_the_order_of_the_canonical_smiles(text):
    molecule, _ = Molecule.parse(text)
    again = Chem.MolFromSmiles(molecule.smiles)
    assert [atom.GetSymbol() for atom in molecule.mol.GetAtoms()] == [atom.GetSymbol() for atom in again.GetAtoms()]
    assert [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.mol.GetBonds()] == [
        (b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in again.GetBonds()
    ]
    assert Molecule.parse(molecule.smiles)[0] == molecule and molecule.smiles == canonical(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("C C", "white space"), ("C1CC", "not a valid SMILES"), ("C(C)(C)(C)(C)C", "valence")],
)
def test_what_is_not_a_molecule_has_its_reason(text, reason):
    molecule, why = Molecule.parse(text)
    assert molecule is None and reason in why


def test_an_rdkit_molecule_becomes_a_value():
    assert Molecule.from_mol(Chem.MolFromSmiles("OCC")).smiles == "CCO"


def test_values_travel_to_other_processes():
    molecule, _ = Molecule.parse("CC(=O)Nc1ccc(O)cc1")
    twin = copy.deepcopy(molecule)  # by the protocol by which it travels
    assert twin is not molecule and twin == molecule and Chem.MolToSmiles(twin.mol) == molecule.smiles


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12) | st.text("CNOc1()=#[]+-@H%2F", max_size=20))
def test_parsing_never_raises_and_settles(text):
    molecule, reason = Molecule.parse(text)
    assert (molecule is None) == bool(reason)
    if molecule is not None:
        assert Molecule.parse(molecule.smiles)[0] == molecule
