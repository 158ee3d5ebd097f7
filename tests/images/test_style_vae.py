"""A VAE of fonts: evidence about a style adds up, and what has learned a style draws glyphs that it has not seen."""

import numpy as np
import pytest
import torch

from molvae.core.objectives import elbo
from molvae.errors import ConfigError
from molvae.experiments.studies.analogies import FontTrainConfig, bold_by_arithmetic, measure, train_style_vae
from molvae.images.datasets import glyphs, load_images
from molvae.images.style_vae import FontBatches, StyleVAE, StyleVAEConfig, by_font, font_batch
from molvae.run.progress import silent


@pytest.fixture
def model() -> StyleVAE:
    torch.manual_seed(0)
    return StyleVAE(StyleVAEConfig(latent_size=3, hidden_size=16), 9, 5).eval()


@pytest.fixture
def fonts() -> torch.Tensor:
    return torch.rand(6, 5, 9, generator=torch.Generator().manual_seed(0))


def test_what_is_seen_adds_up_whatever_its_order(model, fonts):
    targets = torch.arange(5).expand(6, -1)
    one, two, turned = (
        model.posterior(font_batch(fonts, torch.tensor(seen).expand(6, -1), targets)) for seen in ([1], [1, 3], [3, 1])
    )
    assert (two.log_var < one.log_var).all() and (one.log_var < 0).all()  # narrower than the prior, ever more
    torch.testing.assert_close(two.mu, turned.mu)


def test_some_targets_estimate_the_likelihood_of_all(model, fonts):
    z = torch.zeros(1, 6, 3)
    seen = torch.zeros(6, 1, dtype=torch.long)
    whole = font_batch(fonts, seen, torch.arange(5).expand(6, -1))
    parts = [font_batch(fonts, seen, torch.full((6, 1), target)) for target in range(5)]
    total = sum(model.likelihood(z, part).log_prob(part.targets) for part in parts) / 5
    torch.testing.assert_close(model.likelihood(z, whole).log_prob(whole.targets), total)
    assert elbo(model.terms(whole, 2, torch.Generator().manual_seed(0))).shape == (6,)


def test_batches_depend_on_the_seed_and_the_epoch_alone(fonts):
    batches = FontBatches(fonts, 4, repeats=3, most=2, targets=3, seed=1)
    epoch = list(batches.epoch(2))
    assert len(epoch) == len(batches) == 5 and sum(map(len, epoch)) == 18
    torch.testing.assert_close(next(batches.epoch(2, skip=4)).targets, epoch[4].targets)
    for batch in epoch:
        rows = [torch.unique(labels).numel() for labels in batch.target_labels]
        assert rows == [3] * len(batch) and batch.weight == pytest.approx(5 / 3)
        assert 1 <= batch.seen.shape[1] <= 2


def test_style_is_learned():
    """Made-up fonts: a glyph of a class is its own pattern times a brightness that all glyphs of the font share."""
    random = np.random.default_rng(0)
    patterns, brightness = random.random((6, 36)), random.uniform(0.2, 1, 80)
    fonts = torch.from_numpy((brightness[:, None, None] * patterns).astype(np.float32))
    config = FontTrainConfig(
        model=StyleVAEConfig(latent_size=2, hidden_size=32), fit={"epochs": 4, "learning_rate": 5e-3}, repeats=20
    )
    model = train_style_vae(config, fonts[:64], fonts[64:68], 0, "cpu", silent)
    table = measure(model, fonts[:64], fonts[68:], (1,)).set_index("drawn by")["error"]
    assert table["VAE of fonts"] < 0.1 * table["class mean"]
    arithmetic = bold_by_arithmetic(model, fonts[:64], fonts[68:])
    assert len(arithmetic) == 4 and (arithmetic["error"] >= 0).all()


def test_other_data_is_refused():
    with pytest.raises(ConfigError, match="this needs fonts"):
        by_font(load_images("digits").train, 10)
    data = glyphs("made", np.zeros((40, 34, 28, 28), np.float32))
    assert by_font(data.test, 34).shape == (4, 34, 784)
