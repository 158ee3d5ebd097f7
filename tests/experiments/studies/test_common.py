"""A short training run: the settings with changes, the seed of the study, and no files."""

import torch

from molvae.experiments.studies.common import examples_by_class, trained
from molvae.images.datasets import load_images
from molvae.images.training import ImageTrainConfig
from molvae.run.progress import silent

from .small import TRAIN


def test_a_model_is_the_same_for_the_same_seed_and_has_the_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, digits = ImageTrainConfig.create(TRAIN), load_images("digits")
    first, same, other = (trained(config, digits, seed, "cpu", silent, latent_size=2) for seed in (3, 3, 4))
    assert first.latent_size == 2 and config.model.latent_size == 3
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()
    assert not list(tmp_path.iterdir())


def test_the_first_examples_of_each_class():
    labels = torch.tensor([1, 0, 2, 1, 0, 1])
    assert examples_by_class(labels, 3).tolist() == [1, 0, 2]
    assert examples_by_class(labels, 2, 2).tolist() == [1, 4, 0, 3]
