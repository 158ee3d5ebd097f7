"""What a benchmark shows of its molecules; its tables are tested with its runs."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.experiments.benchmark_panels import bootstrap_interval, diverse_top, diversity, oddities


def test_diversity_is_nothing_among_equals():
    assert diversity(["CCO", "CCO", "CCO"]) == 0.0
    assert diversity(["CCO", "c1ccccc1"]) == 1.0
    assert np.isnan(diversity(["CCO"]))


def test_the_best_that_are_not_alike():
    twins = ["CCCCCCCCO", "CCCCCCCO", "c1ccccc1", "CCCCCCCCCO", "NC(=O)C#N"]
    assert diverse_top(twins, np.array([5.0, 4.0, 3.0, np.nan, 1.0])) == pytest.approx((5 + 3 + 1) / 3)
    assert diverse_top(twins, np.array([5.0, 4.0, 3.0, 2.0, 1.0]), count=2) == 4.0
    assert np.isnan(diverse_top(["CCO"], np.array([np.nan])))


def test_the_interval_holds_the_mean_and_shrinks_with_the_spread():
    low, high = bootstrap_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert 1.0 < low < 2.5 < high < 4.0
    assert bootstrap_interval(np.full(3, 7.0)) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("smiles", "reasons"),
    [
        ("CC(=O)Nc1ccc(O)cc1", []),
        ("C1CC1c1ccccc1", []),  # a small ring by itself is common
        ("C1CC2CC12", ["small fused ring"]),
        ("C1CCCCCCCCC1", ["large ring"]),
        ("[CH2]C", ["radical"]),
        ("C1CC=C=CC1", ["strained bond"]),
        ("C1CCC#CC1", ["strained bond"]),
    ],
)
def test_what_a_chemist_would_hardly_draw(smiles, reasons):
    assert oddities(Chem.MolFromSmiles(smiles)) == reasons
