"""Characters of photographed streets in colour, 32 x 32, from a folder of the user's: for research, never passed on.

- ``street_characters``: the signs of Chars74K (de Campos et al. 2009) in the cut of Kaggle's "First steps with Julia":
  6,283 with one of 62 characters, 6,220 without;
- ``svhn``: Google's house numbers (Netzer et al. 2011) in the files as their authors publish them.
"""

import io
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from molvae.errors import DownloadError, InputError

SIDE = 32
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Classes of the street characters: small letters count as their capitals, for many look the same."""


@cache  # decoding them takes seconds
def load_street_characters(mirror: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labelled pictures (n, 32, 32, 3) uint8, their classes (n,) and pictures without a class (m, 32, 32, 3).

    FOLDER/street_characters holds ``labelled32_0.npz`` and so on, ``unlabelled32_0.npz`` and so on (JPEG files one
    after another: ``jpeg`` uint8, ``lengths`` int32) and ``labels.npz`` (``label``: a character for each picture).

    Raises:
        DownloadError: no folder with the pictures.
        InputError: a file in it cannot be read.
    """
    folder = Path() if mirror is None else mirror / "street_characters"
    known, unknown = (sorted(folder.glob(f"{part}32_*.npz")) for part in ("labelled", "unlabelled"))
    if mirror is None or not known:
        raise DownloadError(
            "the street characters of Chars74K are not fetched (for research; http://www.ee.surrey.ac.uk/CVSSP/demos/"
            "chars74k/): keep labelled32_*.npz, unlabelled32_*.npz and labels.npz in FOLDER/street_characters and give "
            "--mirror FOLDER"
        )
    labelled = [picture for path in known for picture in _pictures(path)]
    characters = [str(text).upper() for text in _arrays(folder / "labels.npz", "label")[0]]
    wrong = sorted(set(characters) - set(CHARACTERS))
    if wrong:
        raise InputError(f"{folder / 'labels.npz'}: {wrong[0]!r} is not one of 0-9, A-Z and a-z")
    if len(characters) != len(labelled):
        raise InputError(f"{folder}: {len(labelled)} labelled pictures, but {len(characters)} labels")
    labels = np.array([CHARACTERS.index(text) for text in characters])
    unlabelled = [picture for path in unknown for picture in _pictures(path)]
    return np.stack(labelled), labels, np.array(unlabelled, np.uint8).reshape(-1, SIDE, SIDE, 3)


def _pictures(path: Path) -> list[np.ndarray]:
    from PIL import Image, UnidentifiedImageError

    jpeg, lengths = _arrays(path, "jpeg", "lengths")
    data, pictures = jpeg.tobytes(), []
    for number, (end, length) in enumerate(zip(np.cumsum(lengths, dtype=np.int64), lengths, strict=True)):
        try:
            with Image.open(io.BytesIO(data[end - length : end])) as picture:
                colour = picture.convert("RGB")
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{path}, picture {number} cannot be read ({error})") from None
        if colour.size != (SIDE, SIDE):
            raise InputError(f"{path}, picture {number} is {colour.size[0]} x {colour.size[1]}, not {SIDE} x {SIDE}")
        pictures.append(np.asarray(colour))
    return pictures


def _arrays(path: Path, *names: str) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def load_svhn(mirror: Path | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """SVHN, ``train`` and ``test``: pictures (n, 32, 32, 3) uint8 and digits (n,) from 0 to 9.

    FOLDER/svhn holds ``train_32x32.mat`` and ``test_32x32.mat`` of http://ufldl.stanford.edu/housenumbers, ``X``
    (32, 32, 3, n) and ``y`` (n, 1), in which 10 stands for the digit 0.

    Raises:
        DownloadError: no folder with both files.
        InputError: a file cannot be read or holds something else.
    """
    folder = Path() if mirror is None else mirror / "svhn"
    files = {part: folder / f"{part}_32x32.mat" for part in ("train", "test")}
    if mirror is None or not all(file.is_file() for file in files.values()):
        raise DownloadError(
            "SVHN is not fetched: keep train_32x32.mat and test_32x32.mat of http://ufldl.stanford.edu/housenumbers in "
            "FOLDER/svhn and give --mirror FOLDER"
        )
    return {part: _svhn(file) for part, file in files.items()}


def _svhn(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        # a file of MATLAB 5 is plain numbers; those of 7.3 are refused by the reader
        content = loadmat(path, variable_names=["X", "y"])
        pictures, labels = content["X"], content["y"].ravel()
    except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, NotImplementedError, MatReadError) as error:
        raise InputError(f"{path} cannot be read as a file of SVHN: {error}") from None
    if pictures.dtype != np.uint8 or pictures.shape != (SIDE, SIDE, 3, len(labels)) or not len(labels):
        raise InputError(f"{path}: X is {pictures.shape} {pictures.dtype}, not (32, 32, 3, {len(labels)}) uint8")
    if not np.isin(labels, np.arange(1, 11)).all():
        raise InputError(f"{path}: y holds digits from 1 to 10, where 10 stands for 0")
    return np.ascontiguousarray(pictures.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10
