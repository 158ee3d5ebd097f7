"""Made scenes: what they are drawn from is what is seen."""

import numpy as np
import pytest
import torch

from molvae.images.datasets import load_images, sprites, tetrominoes
from molvae.images.scenes import COLOURS, ORIENTATIONS, SPRITE_FACTORS, draw_sprites, sprite_factors


def sprite(**changes: float) -> np.ndarray:
    """One sprite of 32 x 32 pixels in the middle, with changes."""
    factors = {"shape": 0, "size": 0.2, "angle": 0.0, "x": 0.5, "y": 0.5, "hue": 0.0} | changes
    return draw_sprites(np.array([[factors[name] for name in SPRITE_FACTORS]]))[0]


def test_a_sprite_lies_where_its_factors_say():
    for x, y in ((0.3, 0.5), (0.7, 0.4)):
        weight = sprite(x=x, y=y).sum(0)
        rows, columns = np.indices(weight.shape)
        centre = (np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum() + 0.5) / 32
        np.testing.assert_allclose(centre, [x, y], atol=0.01)


def test_size_hue_shape_and_angle_are_seen():
    assert sprite(size=0.24).sum() == pytest.approx((0.24 / 0.2) ** 2 * sprite().sum(), rel=0.1)
    red, green = sprite(hue=0.0), sprite(hue=1 / 3)
    assert red[0].sum() > 0 and red[1].sum() == red[2].sum() == 0
    np.testing.assert_allclose(green[1], red[0])
    np.testing.assert_allclose(sprite(angle=np.pi / 2), sprite(), atol=1e-6)  # a square turned by a quarter
    assert abs(sprite(shape=1, angle=np.pi / 2) - sprite(shape=1)).max() == 1
    assert len({sprite(shape=shape).sum() for shape in range(3)}) == 3


def test_factors_are_independent_and_uniform():
    factors = sprite_factors(4000, seed=1)
    correlations = np.corrcoef(factors.T) - np.eye(6)
    assert abs(correlations).max() < 0.07
    assert np.bincount(factors[:, 0].astype(int)).min() > 1200
    split = sprites(5, seed=1)
    assert split.shape == (3, 32, 32) and split.factors.shape == (5, 6)
    assert torch.equal(split.labels, split.factors[:, 0].long())


def test_there_are_nineteen_ways_to_lay_a_tetromino():
    assert len(ORIENTATIONS) == 19
    assert all(piece.sum() == 4 for piece in ORIENTATIONS)


@pytest.mark.parametrize("objects", [1, 3, 6])
def test_every_pixel_of_a_scene_belongs_to_one_object_in_one_colour(objects):
    split = tetrominoes(30, seed=2, objects=objects)
    assert split.masks.shape == (30, objects + 1, 24, 24)
    assert (split.masks.sum(1) == 1).all()
    assert (split.masks[:, 1:].flatten(2).sum(-1) == 4 * 3 * 3).all()
    assert (split.pixels * split.masks[:, :1]).sum() == 0
    for scene, masks in zip(split.pixels, split.masks, strict=True):
        for mask in masks[1:]:
            (colour,) = scene[:, mask].t().unique(dim=0)
            assert colour.tolist() in COLOURS.tolist()


def test_scenes_repeat_with_their_seed_and_parts_share_none():
    assert torch.equal(tetrominoes(3, 5).pixels, tetrominoes(3, 5).pixels)
    data = load_images("tetrominoes")
    seen = {picture.numpy().tobytes() for picture in data.train.pixels}
    assert not any(picture.numpy().tobytes() in seen for picture in data.test.pixels)
    part = data.test[:7]
    assert len(part) == len(part.masks) == 7 and part.labels is None
