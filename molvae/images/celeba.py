"""CelebA's faces (Liu et al. 2015) from a folder of the user's: for research that is not commercial, never passed on.

The folder ``celeba`` of a mirror holds either the aligned pictures as published, ``img_align_celeba/000001.jpg`` and so
on (178 x 218), or ``celeba64_00.npz`` and so on: the same faces cut out at 64 x 64, as JPEG files one after another
(``jpeg`` uint8, ``lengths`` int32). The first 10,000 are taken. Beside them lies ``list_attr_celeba.txt`` as published,
or ``attributes.npz`` (``names`` of 40, ``values`` their bits packed, one row a face).
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from molvae.errors import DownloadError, InputError

NUMBER = 10_000
_CROP = (9, 33, 169, 193)  # of 178 x 218: a square of 160 around the face, four below the middle


@cache  # decoding them takes seconds
def load_celeba(mirror: Path | None, side: int = 32) -> np.ndarray:
    """The first 10,000 faces, or as many as there are, (n, side, side, 3) uint8.

    Raises:
        DownloadError: no folder with the faces.
        InputError: a file in it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    folder = Path() if mirror is None else mirror / "celeba"
    archives, pictures = sorted(folder.glob("celeba64_*.npz")), folder / "img_align_celeba"
    if mirror is None or not (archives or pictures.is_dir()):
        raise DownloadError(
            "CelebA is not fetched (research only, not to be passed on; https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
            "): keep its img_align_celeba in FOLDER/celeba and give --mirror FOLDER"
        )
    faces = []
    for name, source in _files(archives, pictures):
        try:
            with Image.open(source) as picture:
                square = picture.convert("RGB")
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{name} cannot be read as a picture ({error})") from None
        if not archives:
            if square.size != (178, 218):
                raise InputError(f"{name} is {square.size[0]} x {square.size[1]}: aligned faces are 178 x 218")
            square = square.crop(_CROP)
        faces.append(np.asarray(square.resize((side, side), Image.Resampling.LANCZOS)))
        if len(faces) == NUMBER:
            break
    if len(faces) < 100:
        raise InputError(f"{folder} holds {len(faces)} faces: at least a hundred are needed")
    return np.stack(faces)


# fmt: off
ATTRIBUTES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips",
    "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin",
    "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open",
    "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline",
    "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat",
    "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
)
# fmt: on
"""Their names, in the order of the published file."""


def load_attributes(mirror: Path | None, number: int) -> np.ndarray | None:
    """Whether each of the first faces has each attribute, (number, 40) booleans; None without a file of them.

    Raises:
        InputError: a file that cannot be read, or has other attributes.
    """
    folder = Path() if mirror is None else mirror / "celeba"
    packed, text = folder / "attributes.npz", folder / "list_attr_celeba.txt"
    if mirror is not None and text.is_file():
        return _published_attributes(text, number)
    if mirror is None or not packed.is_file():
        return None
    try:
        with np.load(packed, allow_pickle=False) as file:
            names, values = tuple(map(str, file["names"])), np.unpackbits(file["values"], axis=1)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{packed} cannot be read: {error}") from None
    if names != ATTRIBUTES or values.shape[1] != len(ATTRIBUTES) or len(values) < number:
        raise InputError(f"{packed}: {len(names)} attributes of {len(values)} faces, not CelebA's 40 of {number}")
    attributes: np.ndarray = values[:number].astype(bool)
    return attributes


def _published_attributes(path: Path, number: int) -> np.ndarray:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) < number + 2 or tuple(lines[1].split()) != ATTRIBUTES:
        raise InputError(f"{path}: line 2 names CelebA's 40 attributes, and a line for each of {number} faces follows")
    rows = []
    for place, line in enumerate(lines[2 : number + 2], start=3):
        words = line.split()
        if len(words) != len(ATTRIBUTES) + 1 or set(words[1:]) - {"1", "-1"}:
            raise InputError(f"{path}, line {place}: a file name and 40 times 1 or -1 are needed")
        rows.append([word == "1" for word in words[1:]])
    return np.array(rows)


def _files(archives: list[Path], pictures: Path) -> Iterator[tuple[str, "Path | io.BytesIO"]]:
    if not archives:
        for path in sorted(pictures.glob("*.jpg")):
            yield str(path), path
    for path in archives:
        try:
            with np.load(path, allow_pickle=False) as file:
                data, lengths = file["jpeg"].tobytes(), file["lengths"].astype(np.int64)
        except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read: {error}") from None
        for number, (end, length) in enumerate(zip(np.cumsum(lengths), lengths, strict=True)):
            yield f"{path}, picture {number}", io.BytesIO(data[end - length : end])
