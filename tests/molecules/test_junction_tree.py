"""A molecule is taken apart, and put together again exactly."""

import gzip

import pytest
from rdkit import Chem

from molvae.errors import InputError
from molvae.molecules.clusters import cluster
from molvae.molecules.junction_tree import Assembly, assemble, choices, decompose, settled, without_stereo

TRICKY = {
    "one atom": "C",
    "one bond": "CO",
    "quaternary carbon": "CC(C)(C)C",
    "two rings at one atom": "C1CCC2(CC1)OCCO2",
    "fused aromatic rings": "c1ccc2[nH]ccc2c1",
    "three rings in a row": "c1ccc2cc3ccccc3cc2c1",
    "three rings around an atom": "c1cc2cccc3c2c(c1)CC3",
    "four rings around a bond": "c1cc2ccc3cccc4ccc(c1)c2c34",
    "three rings at one atom": "CC1CC2CC23CCCCC3C1",
    "bridged": "C1CC2CCC1CC2",
    "cage": "C1C2CC3CC1CC(C2)C3",
    "charges": "C[N+](C)(C)CC(=O)[O-]",
    "nitro and sulfonyl": "O=[N+]([O-])c1ccc(S(N)(=O)=O)cc1",
    "pyridinium and pyridone": "C[n+]1ccccc1-c1cc[nH]c(=O)c1",
    "triple and cumulated bonds": "C#CC=C=CC#N",
    "phosphorus and silicon": "CCOP(=O)(OCC)C[Si](C)(C)C",
    "purine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "azulene": "c1ccc2cccc-2cc1",
    "cubane": "C12C3C4C1C5C2C3C45",
    "coronene": "c1cc2ccc3ccc4ccc5ccc6ccc1c7c2c3c4c5c67",
    "a chain": 300 * "C",
    "macrocycle": "C1CCCCCCCCCCC(=O)OCC1",
}


@pytest.mark.parametrize("smiles", TRICKY.values(), ids=TRICKY)
def test_the_true_choices_give_the_molecule_back(smiles):
    smiles = settled(smiles)
    tree = decompose(smiles).tree
    assert settled(Chem.MolToSmiles(assemble(tree))) == smiles
    assert all(parent < number for number, parent in enumerate(tree.parents))
    for number, ways in enumerate(choices(tree)[1:], 1):
        assert (tree.places[number], tree.entries[number]) in [way[:2] for way in ways]


def test_every_cluster_says_which_atoms_it_holds():
    found = decompose(settled("Cn1c(=O)c2c(ncn2C)n(C)c1=O"))
    for label, atoms in zip(found.tree.labels, found.atoms, strict=True):
        kinds = [
            (found.mol.GetAtomWithIdx(a).GetAtomicNum(), found.mol.GetAtomWithIdx(a).GetFormalCharge()) for a in atoms
        ]
        assert tuple(kinds) == cluster(label).atoms
    assert {atom for atoms in found.atoms for atom in atoms} == set(range(found.mol.GetNumAtoms()))


def test_the_tree_of_toluene_is_that_of_the_paper():
    tree = decompose("Cc1ccccc1").tree
    assert tree.labels == ("CC", "C1=CC=CC=C1") and tree.parents == (-1, 0)
    # all atoms of benzene are alike, so it is always joined by the first
    assert tree.entries[1] == 0


def test_symmetric_ways_to_write_a_cluster_are_one():
    """Para, meta and ortho differ in one number of the tree; which atom of the ring comes first does not matter."""
    trees = {
        name: decompose(settled(text)).tree
        for name, text in (("para", "Clc1ccc(Br)cc1"), ("meta", "Clc1cccc(Br)c1"), ("ortho", "Clc1ccccc1Br"))
    }
    assert len({tree.labels for tree in trees.values()}) == 1
    assert len({tree.places for tree in trees.values()}) == 3 and {tree.places[0] for tree in trees.values()} == {0}
    benzene = cluster("C1=CC=CC=C1")
    assert len(benzene.symmetries) == 6 and len(benzene.sites) == 18 and len(benzene.entries) == 3


def test_no_choice_exceeds_a_valence():
    assembly = Assembly("C=O")
    assert [way[:2] for way in assembly.choices(0, "CF")] == [(0, 0)]  # oxygen has no room
    assembly.join(0, "CF", 0, 0)
    assembly.join(0, "CF", 0, 0)
    assert assembly.choices(0, "CF") == [] and Chem.MolToSmiles(assembly.mol()) == "O=C(F)F"


def test_stereo_marks_are_dropped():
    assert without_stereo("C[C@H](N)C(=O)O") == "CC(N)C(=O)O" and without_stereo("F/C=C/F") == "FC=CF"
    assert decompose("C[C@H](N)C(=O)O").tree == decompose("C[C@@H](N)C(=O)O").tree


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "not a molecule"),
        ("C1CC", "not a molecule"),
        ("[Na+].[Cl-]", "several fragments"),
        ("[13CH4]", "isotopes"),
        ("C[CH2]", "radicals"),
        ("N->[Fe]", "neither single, double nor triple"),
    ],
)
def test_what_has_no_tree_is_refused_with_the_reason(smiles, reason):
    with pytest.raises(InputError, match=reason):
        decompose(smiles)


def test_a_thousand_molecules_of_zinc_come_back(zinc250k):
    with gzip.open(zinc250k / "test.csv.gz", "rt") as file:
        lines = [without_stereo(settled(line.split(",")[0].strip())) for line in list(file)[:1000]]
    for smiles in lines:
        assert settled(Chem.MolToSmiles(assemble(decompose(smiles).tree))) == smiles
