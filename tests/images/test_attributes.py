"""Attributes in the place of classes, and a network that tells them again."""

import numpy as np
import pytest
import torch

from molvae.core.fit import FitConfig
from molvae.errors import ConfigError, InputError
from molvae.experiments.studies.attributes import flipped
from molvae.images.attributes import FACES, attributed, balanced_accuracy, train_judge
from molvae.images.celeba import ATTRIBUTES, load_attributes
from molvae.images.datasets import ImageData, ImageSplit, load_images, sprites
from molvae.images.networks import NetworkConfig


def made_sprites(number: int = 600) -> ImageData:
    return ImageData("sprites", sprites(number), sprites(50, 1), sprites(200, 2), 3)


def test_sprites_are_known_by_what_they_are_drawn_from():
    known = attributed(made_sprites(), ["left", "red"])
    labels, factors = known.data.test.labels, known.data.test.factors
    assert known.names == ("left", "red") and labels.shape == (200, 2) and known.data.classes == 2
    assert torch.equal(labels[:, 0] == 1, factors[:, 3] < 0.5)
    with pytest.raises(ConfigError, match="no attribute 'green': there are heart, square"):
        attributed(made_sprites(), ["green"])
    with pytest.raises(ConfigError, match="digits has no attributes"):
        attributed(load_images("digits"))


def test_a_judge_learns_where_a_sprite_is():
    known = attributed(made_sprites(), ["left", "high"])
    network = NetworkConfig(kind="cnn", hidden_size=16, channels=8, activation="relu")
    judge = train_judge(network, FitConfig(epochs=12, learning_rate=5e-3), known.data.train, 0, "cpu", batch_size=50)
    test = known.data.test
    assert balanced_accuracy(judge.tell(test.pixels), test.labels).min() > 0.8


def test_rare_attributes_count_as_much_as_their_absence():
    truth = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    assert balanced_accuracy(torch.zeros(4, 1), truth).tolist() == [0.5]
    assert balanced_accuracy(truth, truth).tolist() == [1.0]
    assert torch.equal(flipped(truth.expand(4, 2), 1)[:, 1], 1 - truth[:, 0])


def write_attributes(folder, number=3, header=None, line=None):
    rows = [f"{place:06d}.jpg " + " ".join("1" if place % 2 else "-1" for _ in ATTRIBUTES) for place in range(number)]
    rows[1] = line or rows[1]
    (folder / "celeba").mkdir(exist_ok=True)
    text = "\n".join([str(number), header or " ".join(ATTRIBUTES), *rows])
    (folder / "celeba" / "list_attr_celeba.txt").write_text(text)


def test_the_published_file_of_attributes_is_read(tmp_path):
    assert load_attributes(tmp_path, 3) is None and load_attributes(None, 3) is None
    write_attributes(tmp_path)
    assert load_attributes(tmp_path, 3).tolist() == [[False] * 40, [True] * 40, [False] * 40]
    for wrong, message in (
        ({"number": 2}, "a line for each of 3 faces"),
        ({"header": "Male Young"}, "line 2 names CelebA's 40 attributes"),
        ({"line": "000001.jpg 1 1 0"}, "list_attr_celeba.txt, line 4: a file name and 40 times 1 or -1"),
    ):
        write_attributes(tmp_path, **wrong)
        with pytest.raises(InputError, match=message):
            load_attributes(tmp_path, 3)


def test_packed_attributes_are_read_without_pickles(tmp_path):
    (tmp_path / "celeba").mkdir()
    values = np.random.default_rng(0).random((5, 40)) > 0.5
    path = tmp_path / "celeba" / "attributes.npz"
    np.savez(path, names=np.array(ATTRIBUTES), values=np.packbits(values, axis=1))
    np.testing.assert_array_equal(load_attributes(tmp_path, 4), values[:4])
    with pytest.raises(InputError, match="of 5 faces, not CelebA's 40 of 9"):
        load_attributes(tmp_path, 9)
    np.savez(path, names=np.array(ATTRIBUTES))
    with pytest.raises(InputError, match="cannot be read"):
        load_attributes(tmp_path, 4)


def test_faces_without_attributes_are_refused_with_what_to_do():
    pixels = torch.zeros(4, 3, 32, 32)
    part = ImageSplit(pixels, factors=torch.zeros(4, 40))
    assert attributed(ImageData("celeba", part, part, part)).names == FACES
    bare = ImageSplit(pixels)
    with pytest.raises(ConfigError, match=r"keep list_attr_celeba\.txt beside them"):
        attributed(ImageData("celeba", bare, bare, bare))
