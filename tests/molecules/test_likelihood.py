"""A lazy distribution over sequences: density, draw and mode of every latent point."""

import numpy as np
import torch

from molvae.molecules.dataset import MoleculeDataset

from .conftest import MOLECULES


def points(number: int, size: int = 6) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(0))


def test_log_prob_has_one_number_per_sample_and_molecule_and_ignores_padding(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary)
    z = points(2 * len(MOLECULES)).view(2, len(MOLECULES), 6)
    together = model.decoder(z).log_prob(dataset.batch(np.arange(len(MOLECULES))))
    assert together.shape == (2, len(MOLECULES))
    alone = model.decoder(z[:, :1]).log_prob(dataset.batch(np.array([0])))
    torch.testing.assert_close(together[:, :1], alone, atol=1e-4, rtol=1e-5)


def test_sample_and_mode_have_the_shape_of_z(model):
    likelihood = model.decoder(points(6).view(2, 3, 6))
    for tokens in (likelihood.mode, likelihood.sample(torch.Generator().manual_seed(0))):
        assert tokens.shape[:2] == (2, 3)
    assert torch.equal(likelihood.mode, likelihood.mode)
