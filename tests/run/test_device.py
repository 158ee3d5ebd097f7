"""Devices by name; a machine without an accelerator computes on its processor."""

import pytest
import torch

from molvae.errors import ConfigError
from molvae.run.device import choose_device, gains_from_bfloat16


def test_auto_takes_what_there_is():
    expected = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    assert choose_device("auto") == expected
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ConfigError, match="--device auto or cpu"):
        choose_device(name)


def test_bfloat16_is_a_property_of_the_machine():
    assert isinstance(gains_from_bfloat16(torch.device("cpu")), bool)
    assert gains_from_bfloat16(torch.device("meta")) is False
