"""The subspace search stays in its subspace."""

import numpy as np
import torch

from molvae.design.strategies.subspace import SubspaceSearch

from .conftest import setup_of


def test_the_search_stays_in_its_subspace_and_finds_its_way_back(model, start):
    search = SubspaceSearch(setup_of(model))
    search.begin(*start)
    z = torch.from_numpy(np.stack([row.z for row in search.propose(5, 1, lambda item: True)]))
    assert z.shape == (5, 64)
    torch.testing.assert_close(search.from_search_space(search.to_search_space(z)), z)
    points = search.to_search_space(z)
    assert points.shape == (5, 16) and points.abs().max() < 6  # standard deviations
