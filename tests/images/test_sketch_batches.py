"""Batches of sketches and their augmentation."""

import numpy as np
import torch

from molvae.images.sketch_batches import SketchBatches, augmented, in_order, padded
from molvae.images.sketches import Sketches, load_sketches


def some(number: int = 60) -> Sketches:
    return load_sketches("scribbles").train[:number]


def places(points: torch.Tensor) -> np.ndarray:
    return points[:, :2].double().cumsum(0).numpy()


def test_a_batch_is_padded_with_zeros_and_in_units_of_the_model():
    sketches = some(3)
    batch = padded(sketches, 2.0)
    for row, points in enumerate(sketches.split()):
        torch.testing.assert_close(batch.points[row, : len(points), :2], points[:, :2] / 2)
        assert torch.equal(batch.points[row, : len(points), 2], points[:, 2])
        assert not batch.points[row, len(points) :].any()
    assert torch.equal(batch.inside.sum(1), sketches.lengths)
    assert torch.equal(batch.repeat(2).lengths, sketches.lengths.repeat(2))


def test_an_epoch_has_every_sketch_once_and_depends_on_its_number_alone():
    data = some()
    batches = SketchBatches(data, 1.0, 8, seed=3)
    first = list(batches.epoch(0))
    assert len(first) == len(batches) == 8 and sum(map(len, first)) == 60
    seen = sorted(round(float(batch.points[row].sum()), 3) for batch in first for row in range(len(batch)))
    assert np.allclose(seen, sorted(round(float(points.sum()), 3) for points in data.split()), atol=2e-3)
    drawn = SketchBatches(data, 1.0, 8, 3, stretch=0.2, drop=0.3)
    whole, rest = list(drawn.epoch(1)), list(drawn.epoch(1, skip=5))
    assert all(torch.equal(a.points, b.points) for a, b in zip(whole[5:], rest, strict=True))
    assert not torch.equal(whole[0].points[0, :3], next(drawn.epoch(2)).points[0, :3])


def test_sketches_of_a_batch_are_of_similar_length():
    data = load_sketches("scribbles").train[:1000]
    mixed = sum(int(data.lengths[rows].max()) for rows in torch.arange(1000).split(50))
    assert sum(batch.points.shape[1] for batch in SketchBatches(data, 1.0, 50).epoch(0)) < 0.85 * mixed


def test_points_that_are_left_out_leave_the_others_in_their_places():
    sketches = some()
    fewer = augmented(sketches, 0.0, 0.5, np.random.default_rng(0))
    assert fewer.lengths.sum() < sketches.lengths.sum() and len(fewer) == len(sketches)
    for before, after in zip(sketches.split(), fewer.split(), strict=True):
        old, new = places(before), places(after)
        kept = [int(np.abs(old - place).sum(1).argmin()) for place in new]
        np.testing.assert_allclose(old[kept], new, atol=1e-3)
        # both ends of every stroke are among them
        lifted = np.flatnonzero(before[:, 2] > 0.5)
        assert {0, *lifted, *(lifted[:-1] + 1)} <= set(kept)
        assert after[:, 2].sum() == before[:, 2].sum()


def test_a_sketch_is_stretched_as_a_whole():
    sketches = some()
    wide = augmented(sketches, 0.2, 0.0, np.random.default_rng(0))
    for before, after in zip(sketches.split(), wide.split(), strict=True):
        ratio = after[:, :2].double().numpy()[1:] / before[:, :2].double().numpy()[1:]
        assert np.abs(ratio - np.median(ratio, 0)).max() < 1e-2
        assert ((np.median(ratio, 0) > 0.8) & (np.median(ratio, 0) < 1.2)).all()


def test_evaluation_keeps_the_order():
    sketches = some(7)
    assert [len(batch) for batch in in_order(sketches, 1.0, 3)] == [3, 3, 1]
