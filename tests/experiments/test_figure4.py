"""Figure 4 in small: every method has its molecules, and their percentiles are those of the reference."""

import numpy as np
import pytest
import torch

from molvae.chemistry.domain import nci_molecules
from molvae.chemistry.molecule import canonical
from molvae.experiments.figure4 import Figure4Config, ascend, diverse_rows, panels, reproduce
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent
from molvae.search.surrogate import Surrogate


def test_diverse_rows_are_far_apart():
    z = torch.cat([torch.zeros(50, 2), torch.tensor([[5.0, 0.0], [0.0, 5.0]])])
    z += 0.01 * torch.randn(52, 2, generator=torch.Generator().manual_seed(0))
    rows = diverse_rows(z, 3, torch.Generator().manual_seed(0)).tolist()
    assert {50, 51} < set(rows) and len(set(rows)) == 3


def test_ascent_reaches_the_top_of_what_the_process_believes():
    z = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double) * 2 - 1
    surrogate = Surrogate()
    surrogate.fit(z, -(z - 0.3).square().sum(1))
    ends = ascend(surrogate, torch.tensor([[-0.8, -0.8], [0.9, -0.5]]), steps=200)
    assert (ends - 0.3).abs().max() < 0.15


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_the_experiment_in_small():
    smiles = [text for text in map(canonical, nci_molecules()["smiles"].tolist()[:260]) if text]
    config = Figure4Config(pool=200, training=(40, 80), trials=2, draws=20, steps=10)
    figure = reproduce(MoleculeVAE.from_pretrained("zinc250k", "cpu"), smiles, config, progress=silent)
    counts = figure.percentiles["method"].value_counts()
    assert set(counts.index) == {"random", "genetic algorithm", "GP, 40", "GP, 80"}
    assert counts["random"] == 20
    known = figure.percentiles["percentile"].dropna()
    assert known.between(0, 100).all()
    best = figure.percentiles.loc[figure.percentiles["score"].idxmax()]
    assert best["percentile"] == pytest.approx(100 * np.mean(figure.scores < best["score"]), abs=1e-6)
    assert len(figure.path) == 9
    assert [panel.name for panel in panels(figure)] == ["percentiles", "medians", "map", "path", "claims"]
