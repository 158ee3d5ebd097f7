"""A scaffold is kept, and grows at its marks alone."""

import random

import pytest
from rdkit import Chem

from molvae.chemistry.molecule import Molecule
from molvae.chemistry.scaffold import Scaffold
from molvae.errors import InputError

META = "c1ccc([*:1])cc1[*:2]"  # benzene that may grow at two places, one beyond the other


def molecule(smiles: str) -> Molecule:
    parsed, reason = Molecule.parse(smiles)
    assert parsed is not None, reason
    return parsed


@pytest.mark.parametrize(
    "scaffold, smiles, kept",
    [
        (META, "Cc1cccc(C)c1", True),
        (META, "Cc1ccccc1", True),  # a mark may stay a hydrogen
        (META, "c1ccccc1", True),
        (META, "Cc1ccccc1C", False),  # ortho: grown where there is no mark
        (META, "Cc1ccc(C)cc1", False),
        (META, "Cc1cc(C)cc(C)c1", False),
        (META, "c1ccncc1", False),
        (META, "C1CCCCC1", False),
        ("c1ccc([*:1])c([*:2])c1", "c1ccc2ccccc2c1", True),  # one ring that spans both marks
        ("[*:1]N1CCC([*:2])([*:3])CC1", "CN1CCC(C)(O)CC1", True),
        ("[*:1]N1CCC([*:2])([*:3])CC1", "C[N+]1(C)CCC(C)CC1", False),
        ("[*:1]C1CCCCC1", "O=C1CCCCC1", False),  # grown by a double bond
        ("c1cn(*)c2ccccc12", "Cn1ccc2ccccc21", True),
        ("c1cn(*)c2ccccc12", "c1ccc2[nH]ccc2c1", True),
        ("[*:1]CCCC", "CC1CCC1", False),  # a new bond within the scaffold
        ("C[C@H]([*:1])c1ccccc1", "C[C@H](N)c1ccccc1", True),
        ("C[C@H]([*:1])c1ccccc1", "C[C@@H](N)c1ccccc1", False),
    ],
)
def test_what_keeps_a_scaffold(scaffold, smiles, kept):
    assert Scaffold.parse(scaffold).keeps(molecule(smiles).mol) is kept


def test_what_stands_at_the_marks():
    scaffold = Scaffold.parse(META)
    found = scaffold.decompose(molecule("O=C(Nc1cccc(F)c1)c1ccccn1").mol)
    assert sorted(Chem.MolToSmiles(piece).split("[*")[0] for piece in found.values()) == ["F", "O=C(N"]
    assert list(scaffold.decompose(molecule("Clc1ccccc1").mol).values()).count(None) == 1
    assert scaffold.decompose(molecule("c1ccccc1").mol) == {1: None, 2: None}
    assert scaffold.decompose(molecule("CCO").mol) is None
    ortho = Scaffold.parse("c1ccc([*:1])c([*:2])c1")
    assert ortho.keeps(molecule("c1ccc2ccccc2c1").mol) and ortho.decompose(molecule("c1ccc2ccccc2c1").mol) is None


@pytest.mark.parametrize("smiles", ["O=C(Nc1cccc(F)c1)c1ccccn1", "Clc1ccccc1", "c1ccccc1", "CC(C)Oc1cccc(C#N)c1"])
def test_grafting_undoes_the_decomposition(smiles):
    scaffold = Scaffold.parse(META)
    assert scaffold.graft(scaffold.decompose(molecule(smiles).mol)) == molecule(smiles)


def test_what_is_regrown_keeps_the_scaffold_and_takes_from_the_donor():
    scaffold, parent = Scaffold.parse(META), molecule("O=C(Nc1cccc(F)c1)c1ccccn1")
    made = [scaffold.regrown([parent], molecule("CCCBr"), random.Random(seed)) for seed in range(30)]
    assert all(scaffold.keeps(one.mol) for one in made)
    assert sum("Br" in one.smiles for one in made) > 8
    assert sum("F" in one.smiles or "ccccn" in one.smiles for one in made) > 15  # the parent's other substituent stays


@pytest.mark.parametrize(
    "text, message",
    [
        ("c1ccccc1", "has no mark where it may grow"),
        ("c1cccc", "is no scaffold"),
        ("*", "is no scaffold"),
        ("[*:1]C.C[*:2]", "must be one piece"),
        ("C=[*:1]", "by a single bond"),
        ("[*:1]CC[*:2][*:3]", "by a single bond"),
        ("C[*:1]C", "by a single bond"),
    ],
)
def test_what_is_no_scaffold_is_refused_with_the_reason(text, message):
    with pytest.raises(InputError, match=message):
        Scaffold.parse(text)
