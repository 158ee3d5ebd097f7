"""Sharpness falls with blurring, and does not change with brightness."""

import torch

from molvae.images.sharpness import sharpness


def test_what_is_blurred_is_less_sharp(digits):
    pixels = digits.test.pixels[:50]
    blurred = torch.nn.functional.avg_pool2d(pixels, 3, stride=1, padding=1)
    assert sharpness(pixels).shape == (50,)
    assert sharpness(blurred).mean() < 0.2 * sharpness(pixels).mean()


def test_a_ramp_is_not_sharp_and_brightness_does_not_count():
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    torch.testing.assert_close(sharpness(ramp), torch.zeros(1), atol=1e-10, rtol=0)
    board = (torch.arange(64).view(1, 1, 8, 8) + torch.arange(8).view(8, 1)) % 2 * 0.5
    torch.testing.assert_close(sharpness(board + 0.25), sharpness(board))
    coloured = board.expand(1, 3, 8, 8)
    torch.testing.assert_close(sharpness(coloured), sharpness(board))
