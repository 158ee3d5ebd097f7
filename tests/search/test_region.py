"""Where the candidates come from: near good points, within the ball, in a region that adapts."""

import pytest
import torch

from molvae.search.region import TrustRegion, anywhere, near_centres, typical_norm

from .hills import D, start


def test_the_trust_region_grows_shrinks_and_starts_again():
    region = TrustRegion(length=0.4, smallest=0.1, largest=0.8, patience=2)
    for _ in range(2):
        region.update(True)
    assert region.length == pytest.approx(0.6)
    for _ in range(10):
        region.update(False)
    assert region.restarts == 1 and region.length > 0.3
    assert TrustRegion.from_state(region.state()) == region


def test_candidates_stay_in_the_ball():
    centres = start(0, 3)
    z = near_centres(centres, torch.ones(3), 2.0, 500, 3.0, torch.Generator().manual_seed(0))
    assert z.shape == (500, D) and (z.norm(dim=1) <= 3.0 + 1e-9).all()


def test_half_of_the_candidates_are_near_a_centre_and_half_between_two():
    centres = torch.zeros(2, D, dtype=torch.double)
    centres[1] = 50
    z = near_centres(centres, torch.ones(2), 0.1, 2000, 1e9, torch.Generator().manual_seed(0))
    near = torch.cdist(z, centres).amin(1) < 1
    assert 0.6 < near.double().mean() < 0.85  # a half of the mixes join a centre with itself
    assert (z.std(1) < 1).all()  # all on the line between them


def test_a_centre_of_weight_nothing_is_not_looked_at():
    centres = torch.stack([torch.zeros(D), torch.full((D,), 50.0)]).double()
    z = near_centres(centres, torch.tensor([1.0, 0.0]), 0.1, 500, 1e9, torch.Generator().manual_seed(0))
    assert (z.norm(dim=1) < 5).all()


def test_nearly_all_of_the_prior_has_the_typical_norm():
    z = anywhere(400, 200, torch.Generator().manual_seed(0))
    assert z.norm(dim=1).mean() == pytest.approx(typical_norm(400), rel=0.01)
