"""Single dimensions for single factors."""

import pytest
import torch

from molvae.core.disentanglement import best_pair, mutual_information_gap
from molvae.errors import InputError


def factors(number: int = 4000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(3, (number, 1), generator=generator).float()
    return torch.cat([kinds, torch.rand(number, 2, generator=generator)], 1)


def test_a_dimension_for_each_factor_has_a_gap_near_one_and_a_mixture_none():
    truth = factors()
    noise = torch.randn(len(truth), 2, generator=torch.Generator().manual_seed(1))
    apart = torch.cat([noise, 3 * truth[:, [2, 0, 1]] - 1], 1)  # in any order, on any scale
    assert mutual_information_gap(apart, truth) > 0.95
    twice = torch.cat([truth, truth], 1)
    assert mutual_information_gap(twice, truth) == pytest.approx(0, abs=1e-9)
    turned = truth @ torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2))).Q
    assert mutual_information_gap(turned, truth) < 0.4


def test_the_pair_that_tells_most_is_found_whatever_its_turn():
    truth = factors()[:, 1:]
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    codes = torch.randn(len(truth), 5, generator=torch.Generator().manual_seed(1))
    codes[:, [1, 4]] = truth @ turn
    pair, explained = best_pair(codes, truth)
    assert pair == (1, 4) and explained == pytest.approx(1, abs=1e-9)
    codes[:, 4] = 0
    assert best_pair(codes, truth)[1] < 0.6


def test_what_cannot_be_measured_says_why():
    with pytest.raises(InputError, match="at least two"):
        mutual_information_gap(torch.rand(10, 1), factors(10))
    with pytest.raises(InputError, match="factor 1 has one value"):
        mutual_information_gap(torch.rand(10, 2), torch.stack([torch.arange(10), torch.ones(10)], 1))
