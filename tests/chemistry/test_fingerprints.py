"""Count fingerprints as sparse matrices: RDKit's own numbers, for whole sets of molecules."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.fingerprints import CountFingerprints

SMILES = ["CCO", "CCCCCCO", "CC(=O)Nc1ccc(O)cc1", "COc1ccc(C(=O)Nc2ccc(Cl)cc2)cc1", "c1ccccc1", "[Na+].[Cl-]"]


def of(smiles: list[str]) -> CountFingerprints:
    return CountFingerprints.of([Chem.MolFromSmiles(text) for text in smiles])


def test_similarities_are_those_of_the_domain():
    items = [MOLECULES.parse(text)[0] for text in SMILES]
    np.testing.assert_allclose(
        of(SMILES).similarity(of(SMILES[:3])), MOLECULES.similarity(items, items[:3]), rtol=1e-12
    )


def test_counts_matter_and_equal_molecules_are_alike():
    prints = of(["CCCC", "CCCCCCCC", "CCCC"])
    similarity = prints.similarity(prints)
    assert similarity[0, 2] == 1.0 and similarity[0, 1] < 1.0
    np.testing.assert_array_equal(similarity, similarity.T)


def test_taking_rows_is_making_them_anew():
    taken, anew = of(SMILES).take(np.array([4, 1])), of([SMILES[4], SMILES[1]])
    np.testing.assert_array_equal(taken.elements, anew.elements)
    np.testing.assert_array_equal(taken.ends, anew.ends)


def test_none_at_all_is_no_error():
    nothing = of([])
    assert nothing.similarity(of(SMILES)).shape == (0, 6)
    assert of(SMILES).similarity(nothing).shape == (6, 0)
    assert len(of(SMILES).take(np.empty(0, dtype=int))) == 0


@pytest.mark.parametrize("size", [1, 3])
def test_blocks_do_not_show(size, monkeypatch):
    whole = of(SMILES).similarity(of(SMILES))
    monkeypatch.setattr("molvae.chemistry.fingerprints._BLOCK", size)
    np.testing.assert_array_equal(of(SMILES).similarity(of(SMILES)), whole)
