"""Seeds of steps are those of before, and never overflow."""

import torch

from molvae.run.seeds import short_seed, step_seed


def test_small_seeds_are_as_they_were():
    assert step_seed(3, 17) == 3 * 1_000_003 + 17
    assert step_seed(5, 2, stride=100_003) == 500_017


def test_the_largest_seed_is_one_that_a_generator_takes():
    seeds = [step_seed(2**63 - 1, step) for step in range(3)]
    assert len(set(seeds)) == 3
    for seed in seeds:
        torch.Generator().manual_seed(seed)
    assert 0 <= short_seed(2**63 - 1) < 2**32
