"""The search on fingerprints: candidates are new, believed in, and lie near the best molecules."""

import numpy as np
import pytest

from molvae.design.latent_space import LatentSpace
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.tanimoto import FingerprintSearch
from molvae.molecules.vae import MoleculeVAE

START = ["CC(=O)Nc1ccc(O)cc1", "CCOC(=O)c1ccccc1", "c1ccccc1CCN", "CCN(CC)C(=O)c1ccccc1", "Cc1ccccc1O"]


@pytest.fixture(scope="module")
def model() -> MoleculeVAE:
    return MoleculeVAE.from_pretrained("zinc250k", "cpu")


def made(model: MoleculeVAE) -> FingerprintSearch:
    search = FingerprintSearch(LatentSpace(model), seed=0)
    search.begin(START, np.array([1.0, 0.5, np.nan, 0.2, 0.1]))
    return search


def test_proposals_are_new_and_accepted(model):
    search = made(model)
    rows = search.propose(4, 1, lambda smiles: "N" not in smiles)
    smiles = [row.options[0].smiles for row in rows]
    assert 0 < len(rows) <= 4 and len(set(smiles)) == len(smiles)
    assert not set(smiles) & set(START)
    assert all("N" not in text for text in smiles)
    assert all(row.std > 0 and row.acquisition >= 0 and row.z.shape == (64,) for row in rows)
    assert [row.options for row in search.propose(4, 1, lambda smiles: "N" not in smiles)] == [
        row.options for row in rows
    ]


def test_what_is_told_counts(model):
    search = made(model)
    (proposal,) = search.propose(1, 1, lambda smiles: True)
    smiles = proposal.options[0].smiles
    search.tell([Outcome(proposal.z, smiles, 2.0), Outcome(proposal.z, None, np.nan)])
    assert search.known[smiles] == 2.0
    assert smiles not in [row.options[0].smiles for row in search.propose(5, 1, lambda smiles: True)]


def test_without_a_score_there_is_nothing_to_propose(model):
    search = FingerprintSearch(LatentSpace(model), seed=0)
    search.begin(START[:1], np.array([np.nan]))
    assert search.propose(3, 1, lambda smiles: True) == []
