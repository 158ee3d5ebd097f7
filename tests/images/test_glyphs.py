"""Glyphs of many fonts: drawn by the package, or read from a folder of the user's in two layouts."""

import numpy as np
import pytest
import torch
from PIL import Image

from molvae.errors import DownloadError, InputError
from molvae.images.datasets import glyphs, load_images
from molvae.images.glyphs import GLYPHS, draw_glyphs, load_fonts


def test_every_font_has_every_glyph_and_no_two_fonts_are_alike():
    drawn = draw_glyphs()
    assert drawn.shape == (192, 34, 28, 28) and drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() <= 1 and (drawn.max((2, 3)) > 0.3).all()
    assert len(np.unique(drawn.reshape(192, -1), axis=0)) == 192
    regular, bold = drawn[0::4].mean((1, 2, 3)), drawn[1::4].mean((1, 2, 3))
    assert (bold > regular).all()


def test_the_parts_share_no_family_and_know_font_family_and_style():
    data = glyphs("made", np.random.default_rng(0).random((40, 34, 28, 28), dtype=np.float32))
    families = [set(part.factors[:, 1].tolist()) for part in (data.train, data.valid, data.test)]
    assert sum(map(len, families)) == len(set.union(*families)) == 10
    assert torch.equal(data.test.labels[:34], torch.arange(34)) and data.classes == 34
    assert set(data.test.factors[:, 2].tolist()) == {0, 1, 2, 3}
    assert torch.equal(data.test.factors[:, 0] // 4, data.test.factors[:, 1])


def test_the_published_layout_is_read(tmp_path):
    for number, letter in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", start=1):
        folder = tmp_path / "English" / "Fnt" / f"Sample{number:03d}"
        folder.mkdir(parents=True)
        for font in range(1, 83):  # two of them are no whole family
            picture = Image.new("L", (128, 128), 255)
            picture.paste(font, (0, 0, 64, 128))
            picture.save(folder / f"img{number:03d}-{font:05d}.png")
        assert letter
    fonts = load_fonts(tmp_path)
    assert fonts.shape == (80, 34, 28, 28)
    np.testing.assert_allclose(fonts[:, 0, 14, 3] * 255, 255 - np.arange(1, 81), atol=1)
    (tmp_path / "English" / "Fnt" / "Sample001" / "img001-00001.png").write_bytes(b"no picture")
    load_fonts.cache_clear()
    with pytest.raises(InputError, match=r"img001-00001.png cannot be read as a picture"):
        load_fonts(tmp_path)


def test_small_archives_are_read_without_pickles(tmp_path):
    (tmp_path / "font_glyphs").mkdir()
    level = np.random.default_rng(0).integers(0, 16, (36, 80, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "font_glyphs" / "digits28.npz", level=level[:10])
    np.savez(tmp_path / "font_glyphs" / "letters28.npz", level=level[10:])
    data = load_images("fonts", tmp_path)
    assert len(data.train) + len(data.valid) + len(data.test) == 80 * 34
    place = int(data.test.factors[0, 0])
    np.testing.assert_allclose(data.test.pixels[GLYPHS.index("A"), 0], level[10, place] / 15, rtol=1e-6)
    np.savez(tmp_path / "font_glyphs" / "letters28.npz", level=level[10:, :3])
    load_fonts.cache_clear()
    with pytest.raises(InputError, match="at least 80 fonts in families of four"):
        load_fonts(tmp_path)


def test_fonts_are_never_fetched(tmp_path):
    for mirror in (None, tmp_path):
        with pytest.raises(DownloadError, match=r"English/Fnt in FOLDER and give --mirror FOLDER"):
            load_images("fonts", mirror)
