"""Analogies of fonts: pairs share a font, and errors are those of the right answers."""

import pytest
import torch

from molvae.errors import InputError
from molvae.images.analogies import (
    Fonts,
    PairBatches,
    analogy_error,
    class_mean_error,
    in_every_class,
    nearest_font_error,
    styles,
)
from molvae.images.datasets import ImageSplit
from molvae.images.vae import ImageVAE, ImageVAEConfig


def fonts_of(shades: torch.Tensor) -> Fonts:
    """Fonts whose glyphs (F, K) are of one shade each, four a family."""
    families, classes = shades.shape[0] // 4, shades.shape[1]
    pixels = shades.flatten()[:, None, None, None].expand(-1, 1, 4, 4)
    font = torch.arange(4 * families)
    factors = torch.stack([font, font // 4, font % 4], 1).repeat_interleave(classes, 0).float()
    return Fonts.of(ImageSplit(pixels, torch.arange(classes).repeat(4 * families), factors))


def test_glyphs_stand_by_font_and_class():
    fonts = fonts_of(torch.arange(24.0).view(8, 3))
    assert len(fonts) == 8 and fonts.classes == 3
    assert fonts.glyphs[5, 2, 0, 0, 0] == 17 and fonts.family.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert fonts.in_styles().tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert fonts.mean[:, 0, 0, 0].tolist() == [10.5, 11.5, 12.5]


def test_data_that_does_not_know_its_fonts_is_refused(digits):
    with pytest.raises(InputError, match="fonts or font_glyphs"):
        Fonts.of(digits.train)
    fonts = fonts_of(torch.zeros(4, 3))
    factors = torch.zeros(12, 3)
    with pytest.raises(InputError, match="every font needs"):
        Fonts.of(ImageSplit(fonts.glyphs.flatten(0, 1), torch.arange(12) // 4, factors))


def test_a_pair_is_of_one_font_and_every_glyph_a_source_once():
    batches = PairBatches(fonts_of(torch.arange(24.0).view(8, 3)), 7, seed=3)
    epoch = list(batches.epoch(1))
    assert len(epoch) == len(batches) == 4 and [len(batch) for batch in epoch] == [7, 7, 7, 3]
    assert sorted(torch.cat([batch.source.index for batch in epoch]).tolist()) == list(range(24))
    for batch in epoch:
        assert torch.equal(batch.source.index // 3, batch.target.index // 3)
        assert torch.equal(batch.target.index % 3, batch.target.labels)
        assert torch.equal(batch.target.pixels[:, 0, 0, 0].long(), batch.target.index)
    again = list(batches.epoch(1, skip=2))
    assert torch.equal(again[0].target.index, epoch[2].target.index) and len(again) == 2
    assert not torch.equal(next(batches.epoch(2)).source.index, epoch[0].source.index)


def test_errors_are_those_of_the_right_answers():
    train = fonts_of(torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    test = fonts_of(torch.tensor([[0.9, 0.8, 0.7], [0.1, 0.1, 0.1], [0.9, 0.9, 0.9], [0.9, 1.0, 1.0]]))
    assert class_mean_error(train, fonts_of(torch.ones(4, 3))) == pytest.approx(0.25)
    # the font nearest by its first glyph is all ones, all zeros, ones and ones: its other two glyphs are held against
    expected = ((0.2**2 + 0.3**2) + 2 * 0.1**2 + 2 * 0.1**2 + 0) / 8
    assert nearest_font_error(train, test, torch.tensor([[0]])) == pytest.approx(expected)


def test_the_class_that_was_given_does_not_count():
    torch.manual_seed(0)
    model = ImageVAE(ImageVAEConfig(latent_size=2, conditional=True, likelihood="gaussian_fixed_sigma"), (1, 4, 4), 3)
    fonts = fonts_of(torch.rand(4, 3))
    z = styles(model, fonts)
    assert z.shape == (4, 3, 2)
    drawn = in_every_class(model, z[:, 1])
    torch.testing.assert_close(drawn[2, 0], model.decode(z[2, 1:2], torch.tensor([0]))[0])
    squared = (drawn - fonts.glyphs).square().mean((-3, -2, -1))[:, [0, 2]]
    assert analogy_error(model, fonts, torch.tensor([[1]])) == pytest.approx(float(squared.mean()), rel=1e-5)
