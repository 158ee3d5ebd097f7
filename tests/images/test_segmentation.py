"""Agreement of masks with objects."""

import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from molvae.images.segmentation import foreground_index


def test_it_is_the_adjusted_rand_index_over_the_pixels_of_objects():
    generator = torch.Generator().manual_seed(0)
    owner = torch.randint(4, (5, 6, 7), generator=generator)  # 0 is the background
    truth = torch.nn.functional.one_hot(owner, 4).permute(0, 3, 1, 2).bool()
    noisy = (
        torch.nn.functional.one_hot(owner, 6).permute(0, 3, 1, 2) + torch.rand(5, 6, 6, 7, generator=generator) * 1.5
    )
    found = foreground_index(truth, noisy)
    for scene in range(5):
        foreground = owner[scene] > 0
        expected = adjusted_rand_score(owner[scene][foreground], noisy[scene].argmax(0)[foreground])
        assert float(found[scene]) == pytest.approx(expected, abs=1e-5)


def test_whatever_the_order_of_the_masks_and_the_background():
    truth = torch.zeros(1, 3, 4, 4, dtype=torch.bool)
    truth[0, 1, 0, :2], truth[0, 2, 3, 2:] = True, True
    truth[0, 0] = ~truth[0, 1:].any(0)
    right = truth[:, [2, 0, 1]].float()
    right[0, 0, 1] = 5.0  # background pixels may belong to anyone
    assert float(foreground_index(truth, right)) == 1
    one_for_all = torch.ones(1, 3, 4, 4) * torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    assert float(foreground_index(truth, one_for_all)) == 0


def test_one_object_in_one_mask_is_perfect():
    truth = torch.zeros(1, 2, 3, 3, dtype=torch.bool)
    truth[0, 1, 0], truth[0, 0, 1:] = True, True
    assert float(foreground_index(truth, torch.rand(1, 1, 3, 3))) == 1
