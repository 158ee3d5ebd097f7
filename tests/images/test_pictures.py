"""Pictures of a trained model, and what is asked of it in vain."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError, InputError
from molvae.images.pictures import grid, manifold_panel, path_panel, sample_panel, traversal_panel


def test_samples_fill_whole_rows(plane_model, class_model):
    assert sample_panel(plane_model, 13).array.shape == (2, 10, 8, 8)
    assert sample_panel(class_model, 10, label=3).array.shape == (1, 10, 8, 8)
    assert (sample_panel(plane_model, 4, seed=1).array == sample_panel(plane_model, 4, seed=1).array).all()


def test_a_path_through_test_images(plane_model, class_model, digits):
    assert path_panel(plane_model, digits.test, [0, 3, 5], steps=4, method="slerp").array.shape == (1, 7, 8, 8)
    assert path_panel(class_model, digits.test, [0, 3], steps=4, method="lerp").array.shape == (1, 4, 8, 8)


def test_a_traversal_moves_one_number_at_a_time(plane_model, class_model, digits):
    panel = traversal_panel(plane_model, digits.test, 3, steps=5)
    assert panel.array.shape == (2, 5, 8, 8) and sorted(panel.options["rows"]) == ["z1", "z2"]
    assert (panel.array[:, 0] != panel.array[:, -1]).any((-1, -2)).all()
    (first, *_), z = panel.options["rows"], plane_model.encode((digits.test.pixels[3:4] > 0.5).float())
    z[0, int(first[1]) - 1] = -2.5
    np.testing.assert_allclose(panel.array[0, 0], plane_model.decode(z)[0, 0], atol=1e-5)
    assert traversal_panel(class_model, digits.test, 0, steps=4, most=3).array.shape == (3, 4, 8, 8)
    with pytest.raises(InputError, match="no image 300"):
        traversal_panel(plane_model, digits.test, 300)


def test_a_grid_keeps_colour_and_averages_other_channels():
    images = torch.rand(6, 3, 4, 5)
    coloured = grid(images, 2)
    assert coloured.shape == (3, 2, 4, 5, 3)
    np.testing.assert_allclose(coloured[1, 0], images[2].permute(1, 2, 0))
    np.testing.assert_allclose(grid(images[:, :2], 2)[0, 1], images[1, :2].mean(0))


def test_the_plane(plane_model, class_model):
    assert manifold_panel(plane_model, side=5).array.shape == (5, 5, 8, 8)
    with pytest.raises(ConfigError, match="2 latent dimensions"):
        manifold_panel(class_model)


def test_requests_that_cannot_be_met_say_why(plane_model, class_model, digits):
    with pytest.raises(ConfigError, match="not conditional"):
        sample_panel(plane_model, 5, label=1)
    with pytest.raises(ConfigError, match="no class 12"):
        sample_panel(class_model, 5, label=12)
    with pytest.raises(InputError, match="no image 300"):
        path_panel(plane_model, digits.test, [0, 300], 4, "slerp")
    with pytest.raises(ConfigError, match="lerp or slerp"):
        path_panel(plane_model, digits.test, [0, 1], 4, "spline")
    with pytest.raises(ConfigError, match="steps"):
        path_panel(plane_model, digits.test, [0, 1], 1, "slerp")
