"""Every encoder: a molecule's code does not depend on the batch it stands in."""

import numpy as np
import pytest
import torch

from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.registries import ENCODERS
from molvae.molecules.vae import MoleculeVAE

from .conftest import MOLECULES, small_model


@pytest.fixture(params=ENCODERS)
def model(request: pytest.FixtureRequest) -> MoleculeVAE:
    """One model for each encoder."""
    return small_model(encoder=request.param)


def test_padding_does_not_change_the_code(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary)
    together = model.encoder(dataset.batch(np.arange(len(MOLECULES))))
    for row in range(len(MOLECULES)):
        alone = model.encoder(dataset.batch(np.array([row])))
        torch.testing.assert_close(together.mu[row], alone.mu[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together.log_var[row], alone.log_var[0], atol=1e-5, rtol=1e-4)


def test_the_position_of_a_feature_matters(model):
    dataset, _ = MoleculeDataset.build(["CCCCOCC", "CCOCCCC"], model.vocabulary)
    q = model.encoder(dataset.batch(np.array([0, 1])))
    assert (q.mu[0] - q.mu[1]).abs().max() > 1e-4


def test_posterior_is_a_sane_gaussian(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary)
    q = model.encoder(dataset.batch(np.arange(len(MOLECULES))))
    assert q.mu.shape == q.log_var.shape == (len(MOLECULES), 6)
    assert torch.isfinite(q.log_var).all() and (q.log_var >= -10).all()
