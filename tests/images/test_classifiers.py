"""Discriminative and generative classifiers of the same images."""

import math

import pytest
import torch

from molvae.core.fit import FitConfig
from molvae.core.objectives import elbo
from molvae.errors import ConfigError, InputError
from molvae.images.batches import ImageBatch
from molvae.images.classifiers import Classifier, error_of, most_probable_class, train_classifier
from molvae.images.datasets import ImageSplit
from molvae.images.networks import NetworkConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig

CNN = NetworkConfig(kind="cnn", channels=8, hidden_size=32, activation="relu")
FIT = FitConfig(epochs=8, learning_rate=5e-3, warmup_steps=5, precision="float32")


def test_a_small_network_learns_digits(digits):
    model = train_classifier(CNN, FIT, digits.train, 10, 0, "cpu")
    assert error_of(model.predict(digits.test.pixels), digits.test) < 0.15
    features = model.features(digits.test.pixels)
    assert features.shape == (300, 32)
    last = model.network.last[1]
    torch.testing.assert_close(torch.log_softmax(last(features), -1), model(digits.test.pixels))


def test_the_class_with_the_largest_bound_is_taken():
    torch.manual_seed(0)
    model = ImageVAE(ImageVAEConfig(latent_size=2, conditional=True), (1, 4, 4), 3)
    pixels = (torch.rand(7, 1, 4, 4) > 0.5).float()
    guesses = most_probable_class(model, pixels, samples=2000)
    rows = torch.arange(7)
    bounds = [
        elbo(model.terms(ImageBatch(pixels, torch.full((7,), label), rows), 2000, torch.Generator().manual_seed(1)))
        for label in range(3)
    ]
    bounds = torch.stack(bounds) - math.log(3)
    chosen = bounds.gather(0, guesses.unsqueeze(0))[0]
    assert (bounds.amax(0) - chosen < 0.05).all()  # up to the noise of the draws


def test_what_cannot_be_classified_or_seen_is_refused(digits):
    with pytest.raises(InputError, match="needs the classes"):
        train_classifier(CNN, FIT, ImageSplit(digits.train.pixels), 10, 0)
    with pytest.raises(ConfigError, match="cnn and resnet"):
        Classifier(NetworkConfig(), (1, 8, 8), 10).features(digits.test.pixels)
