"""The joint objective of a molecular VAE: its schedules, and what it trains the decoder on."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.training import ObjectiveConfig, corrupt, joint_objective

from .conftest import MOLECULES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_corruption_leaves_the_prior_as_it_is_and_touches_its_share():
    z = torch.randn(1, 20_000, 3, generator=generator())
    mixed = corrupt(z, 0.4, generator(1))
    touched = (mixed != z).any(-1).float().mean().item()
    assert touched == pytest.approx(0.4, abs=0.02)
    assert mixed.std().item() == pytest.approx(1.0, abs=0.02)
    correlation = (mixed * z).mean().item()
    assert 0.9 < correlation < 1.0  # mixed, not replaced


def test_corruption_changes_what_is_decoded_and_nothing_else(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary, np.ones((len(MOLECULES), 3), dtype=np.float32))
    batch = dataset.batch(np.arange(len(MOLECULES)))
    logged = {}
    for share in (0.0, 1.0):
        config = ObjectiveConfig(beta=((0, 0.1),), corruption=((0, share),))
        _, logged[share] = joint_objective(config)(model, batch, 0, generator())
    assert not torch.allclose(logged[0.0]["reconstruction"], logged[1.0]["reconstruction"])
    for name in ("kl", "properties"):
        torch.testing.assert_close(logged[0.0][name], logged[1.0][name])


@pytest.mark.parametrize("name", ("beta", "corruption"))
@pytest.mark.parametrize("knots", ([], [[5, 0.1], [2, 0.2]], [[0, -0.1]]))
def test_schedules_go_forward_and_are_not_negative(name, knots):
    with pytest.raises(ConfigError, match="at least one knot"):
        ObjectiveConfig.create({name: knots})
