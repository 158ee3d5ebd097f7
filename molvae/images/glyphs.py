"""Letters and digits of many fonts: content and style are both known, so that an analogy has a right answer.

- :func:`draw_glyphs` renders the fonts that matplotlib ships (DejaVu, STIX), each at several widths and weights:
  nothing is downloaded.
- :func:`load_fonts` reads the computer fonts of Chars74K (de Campos et al. 2009) from a folder of the user's; they are
  for research, with citation, and are not passed on.

Fonts come in families of four styles: regular, bold, italic, bold italic.
"""

import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from molvae.errors import DownloadError, InputError

GLYPHS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Classes in the order of their labels; I and O look like 1 and 0 in many fonts."""
STYLES = ("regular", "bold", "italic", "bold italic")
SIDE = 28
_FONTS = {
    "DejaVu Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "DejaVu Sans Mono": (
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
    ),
    "DejaVu Serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    "STIX": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
}
_WIDTHS, _WEIGHTS = (0.7, 0.85, 1.0, 1.15), (-3, 0, 3)  # of strokes, in pixels of the large drawing
_LARGE = 4 * SIDE
_CHARS74K = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # of the folders Sample001 to Sample036


@cache  # drawing them takes seconds
def draw_glyphs() -> np.ndarray:
    """Every glyph of every font, (fonts, classes, 28, 28) in [0, 1], ink is 1; four fonts after each other are the
    styles of one family. No family is drawn twice: they differ in typeface, width or weight.
    """
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = []
    for files in _FONTS.values():
        loaded = [ImageFont.truetype(str(folder / f"{file}.ttf"), round(0.72 * _LARGE)) for file in files]
        for width in _WIDTHS:
            for weight in _WEIGHTS:
                fonts += [[_drawn(font, letter, width, weight) for letter in GLYPHS] for font in loaded]
    return np.array(fonts, np.float32) / 255


def _drawn(font: "object", letter: str, width: float, weight: int) -> np.ndarray:
    """One glyph on the common baseline, in the middle of its square."""
    from PIL import Image, ImageDraw, ImageFilter

    picture = Image.new("L", (_LARGE, _LARGE))
    ImageDraw.Draw(picture).text((_LARGE // 2, 0.76 * _LARGE), letter, 255, font=font, anchor="ms")  # type: ignore[arg-type]
    if weight:
        picture = picture.filter(ImageFilter.MaxFilter(weight) if weight > 0 else ImageFilter.MinFilter(-weight))
    shift = _LARGE / 2 * (1 - 1 / width)
    picture = picture.transform(picture.size, Image.Transform.AFFINE, (1 / width, 0, shift, 0, 1, 0))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


@cache  # reading pictures takes a minute
def load_fonts(mirror: Path | None) -> np.ndarray:
    """Chars74K's 1,016 computer fonts, (fonts, classes, 28, 28) in [0, 1], as :func:`draw_glyphs`.

    The folder holds ``English/Fnt/Sample001/img001-00001.png`` and so on as published (128 x 128, ink black), or
    ``font_glyphs/digits28.npz`` and ``letters28.npz``: the same at 28 x 28 (``level`` uint8 (classes, fonts, 28, 28),
    ink 15; I and O may be empty).

    Raises:
        DownloadError: no folder with the fonts.
        InputError: a file in it cannot be read.
    """
    small = Path() if mirror is None else mirror / "font_glyphs"
    published = Path() if mirror is None else mirror / "English" / "Fnt"
    if mirror is None or not (small.is_dir() or published.is_dir()):
        raise DownloadError(
            "the fonts of Chars74K are not fetched (research only, not to be passed on; "
            "https://info-ee.surrey.ac.uk/CVSSP/demos/chars74k): keep English/Fnt in FOLDER and give --mirror FOLDER"
        )
    classes = [_CHARS74K.index(letter) for letter in GLYPHS]
    if small.is_dir():
        level = np.concatenate([_read_level(small / f"{name}28.npz") for name in ("digits", "letters")])
        return np.ascontiguousarray(level[classes].transpose(1, 0, 2, 3), np.float32) / 15
    numbers = [_read_class(published / f"Sample{place + 1:03d}") for place in classes]
    known = sorted(set.intersection(*map(set, numbers)))
    if len(known) < 80:
        raise InputError(f"{published} has {len(known)} fonts with all glyphs: at least eighty are needed")
    known = known[: len(known) // 4 * 4]
    return np.array([[pictures[font] for pictures in numbers] for font in known], np.float32) / 255


def _read_level(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            level: np.ndarray = file["level"]
    except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if level.ndim != 4 or level.shape[2:] != (SIDE, SIDE) or level.shape[1] < 80 or level.shape[1] % 4:
        raise InputError(f"{path}: level is (classes, fonts, 28, 28) with at least 80 fonts in families of four")
    return level


def _read_class(folder: Path) -> dict[str, np.ndarray]:
    """Number of the font -> its picture, ink 255."""
    from PIL import Image, UnidentifiedImageError

    found = {}
    for path in sorted(folder.glob("*.png")):
        try:
            with Image.open(path) as picture:
                small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{path} cannot be read as a picture ({error})") from None
        found[path.stem.rpartition("-")[2]] = 255 - np.asarray(small)
    if not found:
        raise InputError(f"{folder} has no pictures: English/Fnt of Chars74K has a folder for each class")
    return found
