"""Morgan fingerprints: one generator for all, and the numbers of RDKit's own."""

import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from molvae.chemistry.morgan import morgan_generator

PARACETAMOL = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")


@pytest.mark.parametrize("radius, size", [(2, 2048), (2, 1024), (3, 2048)])
def test_the_generator_is_made_once_and_is_that_of_rdkit(radius, size):
    ours = morgan_generator(radius, size)
    assert morgan_generator(radius, size) is ours
    theirs = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    assert ours.GetFingerprint(PARACETAMOL) == theirs.GetFingerprint(PARACETAMOL)
    assert ours.GetFingerprint(PARACETAMOL).GetNumBits() == size


def test_sparse_counts_are_the_same_whatever_the_size():
    counts = rdFingerprintGenerator.GetMorganGenerator(radius=2).GetSparseCountFingerprint(PARACETAMOL)
    assert morgan_generator().GetSparseCountFingerprint(PARACETAMOL) == counts
    assert morgan_generator(size=1024).GetSparseCountFingerprint(PARACETAMOL) == counts
