"""The second device of the tests refuses what an accelerator refuses."""

import pytest
import torch
from torch import nn

from .other_device import other_device


def test_the_other_device_refuses_what_an_accelerator_refuses():
    with other_device() as device:
        here, there = torch.ones(3), torch.ones(3).to(device)
        for mistake in (
            lambda: here + there,
            lambda: nn.Linear(3, 2).to(device)(here),
            lambda: torch.randn(3, generator=torch.Generator(), device=device),
            lambda: there.numpy(),
        ):
            with pytest.raises(RuntimeError):
                mistake()
        assert (there * 2 + torch.tensor(1.0)).cpu().tolist() == [3.0, 3.0, 3.0]
