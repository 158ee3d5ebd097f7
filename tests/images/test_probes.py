"""Probes find a class that lies open, one behind a curved boundary, and none where there is none."""

import pytest
import torch

from molvae.images.datasets import half_rings
from molvae.images.probes import chance_error, linear_probe_error, neighbour_probe_error


def test_half_rings_are_found_by_neighbours_and_in_part_by_a_line():
    train, test = half_rings(500), half_rings(300, seed=1)
    parts = train.pixels, train.labels, test.pixels, test.labels
    assert neighbour_probe_error(*parts) < 0.02 < linear_probe_error(*parts) < 0.2


def test_noise_tells_nothing():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(600, 4, generator=generator), torch.arange(600) % 3
    parts = features[:400], labels[:400], features[400:], labels[400:]
    assert chance_error(labels[400:]) == pytest.approx(2 / 3, abs=0.01)
    assert min(linear_probe_error(*parts), neighbour_probe_error(*parts)) > 0.55
