"""Glyphs of many fonts, with the class and the font of each: the data on which an analogy has a right answer.

- drawn here: made families of the typefaces that come with matplotlib (DejaVu and STIX, whose licences allow it), each
  in its four styles, wider or narrower, larger or smaller, with thicker or thinner strokes;
- Chars74K's computer fonts (de Campos et al. 2009) from a folder of the user's: 254 families in four styles, the 34
  classes 0-9 and A-Z without I and O. For research, with a citation; never passed on.
"""

import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from molvae.errors import DownloadError, InputError

STYLES = ("regular", "bold", "italic", "bold italic")
"""Of a family, in the order of its fonts."""
CLASSES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIDE = 28
_TYPEFACES = (
    ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)  # files of matplotlib, in the order of STYLES
_FINE = 96  # pixels of the em square that a glyph is drawn in before it is made small


def draw_fonts(families: int, seed: int = 0) -> np.ndarray:
    """Glyphs of made families: (4 * families, 36, 28, 28) float32 in [0, 1], ink = 1, four fonts of a family together.

    A family is one of four typefaces, stretched to 0.7 to 1.3 of its width, made large or small, with strokes of one of
    three weights; its four styles share all of that.
    """
    from PIL import Image

    random = np.random.default_rng((seed, 11))
    made = np.empty((families, len(STYLES), len(CLASSES), SIDE, SIDE), np.float32)
    for family in range(families):
        typeface, weight = _TYPEFACES[random.integers(len(_TYPEFACES))], int(random.choice((0, 2, 4)))
        size = random.uniform(0.8, 1.05) * SIDE / _FINE
        width = size * random.uniform(0.7, 1.3)
        for style, name in enumerate(typeface):
            for label, glyph in enumerate(_drawn(name, weight)):
                small = (max(1, round(width * glyph.shape[1])), max(1, round(size * glyph.shape[0])))
                picture = Image.fromarray(glyph).resize(small, Image.Resampling.BOX)
                square = Image.new("L", (SIDE, SIDE))
                square.paste(picture, ((SIDE - small[0]) // 2, (SIDE - small[1]) // 2))  # what stands out is cut off
                made[family, style, label] = np.asarray(square, np.float32) / 255
    return made.reshape(-1, len(CLASSES), SIDE, SIDE)


@cache
def _drawn(name: str, weight: int) -> list[np.ndarray]:
    """Every class in a font of matplotlib, cut to its ink, in pixels of a large em square."""
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), _FINE)
    glyphs = []
    for text in CLASSES:
        left, top, right, bottom = (int(edge) for edge in font.getbbox(text, stroke_width=weight))
        picture = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font, stroke_width=weight)
        glyphs.append(np.asarray(picture))
    return glyphs


def load_font_glyphs(mirror: Path | None) -> np.ndarray:
    """Chars74K's computer fonts: (1016, 34, 28, 28) float32 in [0, 1], ink = 1, four fonts of a family together.

    FOLDER/font_glyphs holds ``digits28.npz`` and ``letters28.npz``, each ``level`` (classes, fonts, 28, 28) uint8 from
    0 to 15; classes without ink are left out.

    Raises:
        DownloadError: no folder with the glyphs.
        InputError: a file in it cannot be read.
    """
    folder = Path() if mirror is None else mirror / "font_glyphs"
    files = [folder / "digits28.npz", folder / "letters28.npz"]
    if mirror is None or not all(file.is_file() for file in files):
        raise DownloadError(
            "Chars74K's fonts are not fetched (for research; http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k/): keep "
            "digits28.npz and letters28.npz in FOLDER/font_glyphs and give --mirror FOLDER; the data set `fonts` needs "
            "no folder"
        )
    parts = [_levels(file) for file in files]
    if parts[0].shape[1:] != parts[1].shape[1:] or parts[0].shape[1] % len(STYLES):
        shapes = " and ".join(str(part.shape) for part in parts)
        raise InputError(f"{folder}: digits and letters of the same fonts, four a family, are needed, not {shapes}")
    glyphs = np.concatenate(parts)
    inked = glyphs[glyphs.any((1, 2, 3))]
    return np.ascontiguousarray(inked.transpose(1, 0, 2, 3), np.float32) / np.float32(15)


def _levels(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            level = file["level"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if level.dtype != np.uint8 or level.ndim != 4 or level.max(initial=0) > 15:
        raise InputError(f"{path}: level is (classes, fonts, height, width) uint8 from 0 to 15")
    return level
