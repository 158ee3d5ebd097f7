"""Where images come from, their splits, and what makes them binary."""

import gzip
import struct

import pytest
import torch

from molvae.errors import ConfigError, InputError
from molvae.images.batches import ImageBatches, binarise, in_order
from molvae.images.datasets import ImageSplit, half_rings, load_images, read_idx, shifted_circle


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("digits", (1, 8, 8), 10), ("half_rings", (1, 1, 2), 2), ("shifted_circle", (1, 1, 2), 2)],
)
def test_embedded_data_needs_no_download(name, shape, classes):
    data = load_images(name)
    assert data.shape == shape and data.classes == classes
    assert set(data.train.labels.tolist()) == set(range(classes)) == set(data.test.labels.tolist())


def test_the_parts_of_the_digits_are_disjoint_and_complete(digits):
    assert (len(digits.train), len(digits.valid), len(digits.test)) == (1300, 197, 300)
    assert digits.train.pixels.min() == 0 and digits.train.pixels.max() == 1


def test_mnist_and_frey_faces_from_a_mirror(data_mirror, tmp_path):
    mnist = load_images("mnist", data_mirror, tmp_path)
    assert (len(mnist.train), len(mnist.valid), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert mnist.shape == (1, 28, 28) and mnist.test.labels[:4].tolist() == [7, 2, 1, 0]
    faces = load_images("freyfaces", data_mirror, tmp_path)
    assert faces.shape == (1, 28, 20) and faces.train.labels is None
    assert len(faces.train) + len(faces.valid) + len(faces.test) == 1965


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ConfigError, match="digits, mnist"):
        load_images("cifar")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no gzip", "damaged"), (gzip.compress(b"\x01\x02", mtime=0), "not an idx file"), (None, "cannot be read")],
)
def test_a_bad_idx_file_is_refused(tmp_path, content, message):
    path = tmp_path / "x.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_a_truncated_idx_file_is_refused(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"\x00\x00\x08\x01" + struct.pack(">I", 5) + b"\x01\x02"))
    with pytest.raises(InputError, match="2 values instead of 5"):
        read_idx(path)


def radius(points: ImageSplit, centres: list[tuple[float, float]]) -> torch.Tensor:
    """Distance of each point from the centre of its class."""
    return (points.pixels.flatten(1) - torch.tensor(centres)[points.labels]).norm(dim=1)


@pytest.mark.parametrize(
    ("points", "centres"), [(half_rings, [(0.0, 0.0), (1.0, 0.5)]), (shifted_circle, [(0.0, 0.0), (1.0, 0.0)])]
)
def test_points_of_a_plane_lie_on_rings_of_radius_one(points, centres):
    drawn = points(2000, seed=3)
    assert torch.bincount(drawn.labels).tolist() == [1000, 1000]
    assert radius(drawn, centres).mean() == pytest.approx(1, abs=0.02) and radius(drawn, centres).std() < 0.1
    again, other = points(2000, seed=3), points(2000, seed=4)
    assert torch.equal(drawn.pixels, again.pixels) and not torch.equal(drawn.pixels, other.pixels)


def test_a_shifted_circle_goes_all_the_way_round_and_half_rings_do_not():
    upper = (shifted_circle(1000).pixels[..., 1] > 0).float().mean()
    assert upper == pytest.approx(0.5, abs=0.05)
    first = half_rings(1000).pixels[half_rings(1000).labels == 0]
    assert (first[..., 1] > -0.3).all()
    moved = shifted_circle(1000, shift=(5.0, -2.0))
    assert (moved.pixels.flatten(1)[moved.labels == 1] - torch.tensor([5.0, -2.0])).norm(dim=1).max() < 1.5


def test_each_policy_does_what_it_says(digits):
    grey = digits.train.pixels[:200]
    first, second = (binarise(grey, "dynamic", torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert not torch.equal(first, second) and set(first.unique().tolist()) == {0.0, 1.0}
    many = torch.stack([binarise(grey, "dynamic", torch.Generator().manual_seed(seed)) for seed in range(400)])
    torch.testing.assert_close(many.mean(0), grey, atol=0.15, rtol=0)
    assert torch.equal(binarise(grey, "threshold", torch.Generator()), (grey > 0.5).float())
    assert binarise(grey, "none", torch.Generator()) is grey


def test_dynamic_draws_change_with_the_epoch_and_static_ones_do_not(digits):
    def first(policy, epoch):
        batch = next(ImageBatches(digits.train, 1300, 0, policy).epoch(epoch))
        return batch.pixels[batch.index.argsort()]

    assert not torch.equal(first("dynamic", 0), first("dynamic", 1))
    assert torch.equal(first("static", 0), first("static", 1))


def test_an_epoch_sees_every_image_once_and_can_be_entered_midway(digits):
    batches = ImageBatches(digits.train, 200, seed=1, binarisation="dynamic")
    whole = list(batches.epoch(3))
    assert sorted(torch.cat([batch.index for batch in whole]).tolist()) == list(range(1300))
    assert len(whole) == len(batches) == 7 and len(whole[-1]) == 100
    later = list(batches.epoch(3, skip=4))
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(whole[4:], later, strict=True))
    assert torch.equal(whole[0].labels, digits.train.labels[whole[0].index])


def test_no_images_to_train_on_is_said():
    with pytest.raises(ConfigError, match="no images"):
        ImageBatches(ImageSplit(torch.zeros(0, 1, 8, 8)), 10)


def test_evaluation_goes_in_order(digits):
    batches = in_order(digits.test, 128, "dynamic", seed=5)
    assert torch.equal(torch.cat([batch.index for batch in batches]), torch.arange(300))
    assert torch.equal(batches[0].pixels, in_order(digits.test, 128, "dynamic", seed=5)[0].pixels)
