"""Fonts that are drawn here, and those of a folder that the test makes."""

import numpy as np
import pytest
import torch

from molvae.errors import DownloadError, InputError
from molvae.images.datasets import load_images
from molvae.images.fonts import CLASSES, STYLES, draw_fonts


def test_a_family_is_drawn_in_its_styles():
    glyphs = draw_fonts(3, seed=1)
    assert glyphs.shape == (12, len(CLASSES), 28, 28) and glyphs.min() == 0 and 0.9 < glyphs.max() <= 1
    ink = glyphs.mean((1, 2, 3)).reshape(3, len(STYLES))
    assert (ink[:, 1] > ink[:, 0]).all() and (ink[:, 3] > ink[:, 2]).all()  # bold has more ink
    assert np.array_equal(glyphs, draw_fonts(3, seed=1)) and not np.array_equal(glyphs, draw_fonts(3, seed=2))
    # an I leans in italic: its top lies further right than its foot
    place = glyphs[:, CLASSES.index("I")] @ np.arange(28)
    lean = [(picture[5:12].sum() / glyph[5:12].sum()) - (picture[16:23].sum() / glyph[16:23].sum())
            for picture, glyph in zip(place, glyphs[:, CLASSES.index("I")], strict=True)]  # fmt: skip
    assert np.min(np.array(lean)[[2, 6, 10]] - np.array(lean)[[0, 4, 8]]) > 0.5


def write_fonts(folder, families=40):
    """Made-up glyphs in the layout of Chars74K's: two digits, and three letters of which the second has no ink."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    levels = random.integers(0, 16, (5, 4 * families, 28, 28), dtype=np.uint8)
    levels[3] = 0
    np.savez(folder / "digits28.npz", level=levels[:2])
    np.savez(folder / "letters28.npz", level=levels[2:])
    return levels


def test_families_of_a_folder_are_held_out_whole(tmp_path):
    levels = write_fonts(tmp_path / "font_glyphs", families=45)
    data = load_images("font_glyphs", tmp_path)
    assert data.classes == 4 and data.shape == (1, 28, 28)
    families = [set(part.factors[:, 1].tolist()) for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in families] == [5, 11, 29] and len(set.union(*families)) == 45
    font, family, style = data.test.factors[6].int().tolist()
    assert (family, style) == (font // 4, font % 4)
    assert data.test.labels[:9].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    np.testing.assert_allclose(data.test.pixels[6, 0], levels[2, font] / 15, rtol=1e-6)
    np.testing.assert_allclose(
        data.test.pixels[7, 0], levels[4, font] / 15, rtol=1e-6
    )  # the class without ink is left out


def test_the_drawn_fonts_are_a_data_set():
    data = load_images("fonts")
    assert [len(part) // 36 for part in (data.train, data.valid, data.test)] == [144, 16, 32]
    assert data.classes == 36 and torch.isfinite(data.train.pixels).all()


def test_what_is_missing_or_broken_is_said(tmp_path):
    for mirror in (None, tmp_path):
        with pytest.raises(DownloadError, match=r"not fetched.*--mirror FOLDER"):
            load_images("font_glyphs", mirror)
    folder = tmp_path / "font_glyphs"
    folder.mkdir()
    for name in ("digits28", "letters28"):
        (folder / f"{name}.npz").write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"digits28\.npz cannot be read"):
        load_images("font_glyphs", tmp_path)
    np.savez(folder / "digits28.npz", level=np.full((2, 4, 28, 28), 16, np.uint8))
    with pytest.raises(InputError, match="from 0 to 15"):
        load_images("font_glyphs", tmp_path)
    np.savez(folder / "digits28.npz", level=np.ones((2, 4, 28, 28), np.uint8))
    np.savez(folder / "letters28.npz", level=np.ones((2, 8, 28, 28), np.uint8))
    with pytest.raises(InputError, match="of the same fonts"):
        load_images("font_glyphs", tmp_path)
