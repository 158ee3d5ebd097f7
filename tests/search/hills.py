"""Functions whose maximum is known: the search knows no chemistry."""

import torch

D = 12


def hill(z: torch.Tensor) -> torch.Tensor:
    """Largest, 0, where the first four coordinates are 1 and the others 0."""
    return -(z[:, :4] - 1).square().sum(1) - 0.1 * z[:, 4:].square().sum(1)


def feasible(z: torch.Tensor) -> torch.Tensor:
    return z[:, 5] < 0.8


def start(seed: int, number: int = 40) -> torch.Tensor:
    return torch.randn(number, D, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
