"""The search on similarities: candidates are new, believed in, and lie near the best molecules."""

import numpy as np
import torch

from molvae.chemistry.domain import MOLECULES
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.tanimoto import SimilaritySearch
from molvae.molecules.vae import MoleculeVAE

from .conftest import setup_of

START = [
    MOLECULES.parse(text)[0]
    for text in ("CC(=O)Nc1ccc(O)cc1", "CCOC(=O)c1ccccc1", "c1ccccc1CCN", "CCN(CC)C(=O)c1ccccc1", "Cc1ccccc1O")
]


def begun(model: MoleculeVAE) -> SimilaritySearch:
    search = SimilaritySearch(setup_of(model))
    search.begin(START, np.array([1.0, 0.5, np.nan, 0.2, 0.1]))
    return search


def test_proposals_are_new_and_accepted(model):
    def judge(item):
        return "N" not in item.smiles

    search = begun(model)
    rows = search.propose(4, 1, judge)
    items = [row.candidates[0].item for row in rows]
    assert 0 < len(rows) <= 4 and len(set(items)) == len(items)
    assert not set(items) & set(START) and all(map(judge, items))
    assert all(row.std > 0 and row.acquisition >= 0 and row.z.shape == (64,) for row in rows)
    assert [row.candidates for row in search.propose(4, 1, judge)] == [row.candidates for row in rows]


def test_what_is_told_counts_once(model):
    search = begun(model)
    (proposal,) = search.propose(1, 1, lambda item: True)
    item = proposal.candidates[0].item
    search.tell([Outcome(proposal.z, item, 2.0), Outcome(proposal.z, None, np.nan), Outcome(None, START[0], 1.0)])
    assert search.known[item] == 2.0 and search.items == [START[0], START[1], START[3], START[4], item]
    assert item not in [row.candidates[0].item for row in search.propose(5, 1, lambda item: True)]


def test_similarities_grow_with_what_is_told(model):
    """Row by row, the matrix is the one that would have been computed at once."""
    search = begun(model)
    more = [MOLECULES.parse(text)[0] for text in ("CCO", "CC(=O)Nc1ccccc1")]
    search.tell([Outcome(None, item, 0.3) for item in more])
    whole = torch.from_numpy(MOLECULES.similarity(search.items, search.items))
    torch.testing.assert_close(search.similarity, whole, rtol=0, atol=0)


def test_without_a_score_there_is_nothing_to_propose(model):
    search = SimilaritySearch(setup_of(model))
    search.begin(START[:1], np.array([np.nan]))
    assert search.propose(3, 1, lambda item: True) == []
