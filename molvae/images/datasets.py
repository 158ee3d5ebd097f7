"""MNIST, Frey faces, digits, fonts, characters of streets, points of a plane, made scenes: whence, and how split."""

import gzip
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molvae.errors import ConfigError, InputError
from molvae.images.celeba import load_attributes, load_celeba
from molvae.images.fonts import STYLES, draw_fonts, load_font_glyphs
from molvae.images.scenes import SHAPES, draw_sprites, draw_tetrominoes, sprite_factors
from molvae.images.street import CHARACTERS, load_street_characters, load_svhn
from molvae.run.fetch import RemoteDataset, RemoteFile, fetch

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")


def _mnist(name: str, content_sha256: str) -> RemoteFile:
    # mirrors compress the same bytes differently, so the checksum is that of the content
    urls = tuple(f"{mirror}/{name}.gz" for mirror in _MIRRORS)
    return RemoteFile(f"mnist/{name}.gz", urls, content_sha256=content_sha256)


MNIST = RemoteDataset(
    "mnist",
    {
        "train_images": _mnist(
            "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train_labels": _mnist(
            "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "test_images": _mnist(
            "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "test_labels": _mnist(
            "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
    licence="Creative Commons Attribution-Share Alike 3.0 (LeCun & Cortes)",
)

FREYFACES = RemoteDataset(
    "freyfaces",
    {
        "images": RemoteFile(
            "freyfaces/frey-faces-idx3-ubyte.gz",
            (),  # the upstream file is in MATLAB's format, so its bytes cannot be held against this checksum
            sha256="4dcc2b060e51264dbcab9dfe4493d2078dbda1950840089c90f13be4f9a47eb8",
        )
    },
    licence="no licence known (Roweis, https://cs.nyu.edu/~roweis/data.html): never redistribute",
)


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped idx file of bytes: images (n, height, width) or labels (n,), uint8.

    Raises:
        InputError: no such file, damaged, or not of this kind.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read or is damaged ({error}): fetch it again") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise InputError(f"{path} is not an idx file of bytes")
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(shape)):
        raise InputError(f"{path} is cut short: {values.size} values instead of {int(np.prod(shape))}")
    return values.reshape(shape)


@dataclass(frozen=True)
class ImageSplit:
    """Images with values in [0, 1] and their classes.

    Attributes:
        pixels: (N, C, H, W)
        labels: (N,) int64, or None
        factors: (N, F) what each was drawn from, or None; of made data, of fonts (font, family, style), and of faces,
            their attributes
        masks: (N, K, H, W) booleans, where each object of a scene is, or None; made data only
    """

    pixels: Tensor
    labels: Tensor | None = None
    factors: Tensor | None = None
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    def __getitem__(self, rows: "slice | Tensor") -> "ImageSplit":
        parts = (self.pixels, self.labels, self.factors, self.masks)
        pixels, *others = (None if part is None else part[rows] for part in parts)
        assert pixels is not None
        return ImageSplit(pixels, *others)


@dataclass(frozen=True)
class ImageData:
    """A data set in its standard split.

    Attributes:
        name: what it is called.
        train, valid, test: the parts; ``valid`` is taken from the end of the training part.
        classes: number of classes, 0 without labels.
        unlabelled: (N, C, H, W) more images of the kind, whose class nobody knows, or None.
    """

    name: str
    train: ImageSplit
    valid: ImageSplit
    test: ImageSplit
    classes: int = 0
    unlabelled: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.train.shape


IMAGE_DATASETS = (
    "digits",
    "mnist",
    "freyfaces",
    "fonts",
    "font_glyphs",
    "street_characters",
    "svhn",
    "half_rings",
    "shifted_circle",
    "sprites",
    "tetrominoes",
    "celeba",
)


def load_images(name: str, mirror: Path | None = None, cache: Path | None = None) -> ImageData:
    """A data set by name.

    - ``digits``: scikit-learn's 1,797 digits of 8 x 8 pixels; needs no download (1,300 / 197 / 300).
    - ``mnist``: 28 x 28 digits; the last 5,000 of the 60,000 training images are for validation.
    - ``freyfaces``: 1,965 frames of a face, 28 x 20 (1,565 / 200 / 200, shuffled, since neighbours are alike).
    - ``half_rings``, ``shifted_circle``: 2-D points of two classes (4,000 / 1,000 / 1,000), see :func:`half_rings` and
      :func:`shifted_circle`.
    - ``sprites``: one coloured square, ellipse or heart, 3 x 32 x 32, with the factors it was drawn from
      (8,000 / 500 / 1,000), see :func:`sprites`.
    - ``tetrominoes``: three pieces, 3 x 24 x 24, with the mask of each (8,000 / 200 / 500), see :func:`tetrominoes`.
    - ``fonts``: 36 characters in 144 / 16 / 32 fonts that are made of matplotlib's, 28 x 28; families are held out.
    - ``font_glyphs``: 34 characters in 856 / 44 / 116 fonts, 28 x 28, from a folder of the user's; 29 families of 254
      are held out for the test; both see :mod:`molvae.images.fonts`.
    - ``street_characters``: 36 characters of signs in colour, 3 x 32 x 32 (4,783 / 500 / 1,000, and 6,220 unlabelled),
      from a folder of the user's.
    - ``svhn``: house numbers in colour, 3 x 32 x 32 (70,257 / 3,000 / 26,032), from a folder of the user's; both see
      :mod:`molvae.images.street`.
    - ``celeba``: faces in colour, 3 x 32 x 32, from a folder of the user's (8,000 / 1,000 / 1,000), see
      :mod:`molvae.images.celeba`.

    Args:
        name: one of ``IMAGE_DATASETS``.
        mirror: folder to read the files from instead of the network.
        cache: where downloads are kept.

    Raises:
        ConfigError: no such data set.
        DownloadError: it could not be had, or does not match its checksum.
    """
    if name == "digits":
        return _digits()
    if name in _PLANES:
        train, valid, test = (_PLANES[name](number, seed) for seed, number in enumerate((4000, 1000, 1000)))
        return ImageData(name, train, valid, test, classes=2)
    if name in ("sprites", "tetrominoes"):
        return _scenes(name)
    if name == "fonts":
        return _made_fonts()
    if name == "font_glyphs":
        return _fonts(name, load_font_glyphs(mirror), held_out=29, valid=11)
    if name == "street_characters":
        return _street_characters(mirror)
    if name == "svhn":
        train, test = (_split(pictures / np.float32(255), labels) for pictures, labels in load_svhn(mirror).values())
        last = min(3000, len(train) // 10)
        return ImageData(name, train[:-last], train[-last:], test, 10)
    if name == "mnist":
        files = {part: read_idx(path) for part, path in fetch(MNIST, mirror, cache).items()}
        train = _split(files["train_images"] / np.float32(255), files["train_labels"])
        test = _split(files["test_images"] / np.float32(255), files["test_labels"])
        return ImageData(name, train[:-5000], train[-5000:], test, 10)
    if name == "celeba":
        pixels = load_celeba(mirror).transpose(0, 3, 1, 2) / np.float32(255)
        tenth = len(pixels) // 10
        known = load_attributes(mirror, len(pixels))
        attributes = None if known is None else torch.from_numpy(known.astype(np.float32))
        colour = ImageSplit(torch.from_numpy(np.ascontiguousarray(pixels)), factors=attributes)
        return ImageData(name, colour[: -2 * tenth], colour[-2 * tenth : -tenth], colour[-tenth:])
    if name == "freyfaces":
        pixels = read_idx(fetch(FREYFACES, mirror, cache)["images"]) / np.float32(255)
        faces = _split(pixels[np.random.default_rng(0).permutation(len(pixels))])
        return ImageData(name, faces[:-400], faces[-400:-200], faces[-200:])
    raise ConfigError(f"no image data set {name!r}: there are {', '.join(IMAGE_DATASETS)}")


def half_rings(number: int, seed: int = 0, noise: float = 0.08) -> ImageSplit:
    """Two interleaved half-rings of radius 1, scikit-learn's ``make_moons``: ``number`` points of two values.

    A density that no Gaussian fits, in a plane where it can be drawn. A point is an "image" of shape (1, 1, 2).
    """
    from sklearn.datasets import make_moons

    return _points(*make_moons(number, noise=noise, random_state=seed))


def shifted_circle(
    number: int, seed: int = 0, noise: float = 0.08, shift: tuple[float, float] = (1.0, 0.0)
) -> ImageSplit:
    """A circle and the same circle shifted: ``number`` points, half of each class, evenly around the circle.

    Class 0 lies on the unit circle, class 1 on the unit circle around ``shift``, both with Gaussian noise of standard
    deviation ``noise``. Where the two cross, a point does not tell its class; each has a hole, so its code should be an
    angle, which a plane under N(0, I) can hold only by tearing it.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(number) % 2)
    angle = random.uniform(0, 2 * np.pi, number)
    points = np.stack([np.cos(angle), np.sin(angle)], -1) + labels[:, None] * np.array(shift)
    return _points(points + random.normal(0, noise, (number, 2)), labels)


_SCENES = {"sprites": (8000, 500, 1000), "tetrominoes": (8000, 200, 500)}  # of the train, valid and test split


@cache  # drawing them takes seconds
def _scenes(name: str) -> ImageData:
    draw = sprites if name == "sprites" else tetrominoes
    train, valid, test = (draw(number, seed) for seed, number in enumerate(_SCENES[name]))
    return ImageData(name, train, valid, test, len(SHAPES) if name == "sprites" else 0)


def sprites(number: int, seed: int = 0, side: int = 32) -> ImageSplit:
    """Coloured sprites with their factors, as :data:`~molvae.images.scenes.SPRITE_FACTORS`; labels are the shapes."""
    factors = sprite_factors(number, seed)
    pixels, labels = torch.from_numpy(draw_sprites(factors, side)), torch.from_numpy(factors[:, 0].astype(np.int64))
    return ImageSplit(pixels, labels, factors=torch.from_numpy(factors.astype(np.float32)))


def tetrominoes(number: int, seed: int = 0, objects: int = 3) -> ImageSplit:
    """Scenes of tetrominoes with their masks, the background first."""
    pixels, masks = draw_tetrominoes(number, seed, objects=objects)
    return ImageSplit(torch.from_numpy(pixels), masks=torch.from_numpy(masks))


@cache  # drawing them takes seconds
def _made_fonts() -> ImageData:
    return _fonts("fonts", draw_fonts(48), held_out=8, valid=4)


def _fonts(name: str, glyphs: np.ndarray, held_out: int, valid: int) -> ImageData:
    """Fonts (F, K, H, W) in the split of their families: no style of a family that is held out is ever seen."""
    families, classes = len(glyphs) // len(STYLES), glyphs.shape[1]
    order = np.random.default_rng(0).permutation(families)

    def part(chosen: np.ndarray) -> ImageSplit:
        fonts = (np.sort(chosen)[:, None] * len(STYLES) + np.arange(len(STYLES))).ravel()
        images = _split(glyphs[fonts].reshape(-1, *glyphs.shape[2:]), np.tile(np.arange(classes), len(fonts)))
        factors = np.stack([fonts, fonts // len(STYLES), fonts % len(STYLES)], 1).repeat(classes, 0)
        return ImageSplit(images.pixels, images.labels, torch.from_numpy(factors.astype(np.float32)))

    test, watched, train = np.split(order, [held_out, held_out + valid])
    return ImageData(name, part(train), part(watched), part(test), classes)


def _street_characters(mirror: Path | None) -> ImageData:
    pictures, labels, unlabelled = load_street_characters(mirror)
    # neighbours come from the same sign: a fixed shuffle, and the same split for everybody
    order = np.random.default_rng(0).permutation(len(pictures))
    known = _split(pictures[order] / np.float32(255), labels[order])
    test, valid = min(1000, len(known) // 5), min(500, len(known) // 10)
    return ImageData(
        "street_characters",
        known[: -test - valid],
        known[-test - valid : -test],
        known[-test:],
        len(CHARACTERS),
        _split(unlabelled / np.float32(255)).pixels,
    )


_PLANES = {"half_rings": half_rings, "shifted_circle": shifted_circle}


def _points(points: np.ndarray, labels: np.ndarray) -> ImageSplit:
    return ImageSplit(torch.from_numpy(points.astype(np.float32)).view(-1, 1, 1, 2), torch.from_numpy(labels))


def _digits() -> ImageData:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # the file is ordered by writer: a fixed shuffle puts every writer into every part
    order = np.random.default_rng(0).permutation(len(bunch.images))
    digits = _split(bunch.images[order] / np.float32(16), bunch.target[order])
    return ImageData("digits", digits[:1300], digits[1300:1497], digits[1497:], 10)


def _split(pixels: np.ndarray, labels: np.ndarray | None = None) -> ImageSplit:
    """Grey images (n, H, W) or images in colour (n, H, W, 3)."""
    ordered = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(ordered, np.float32))
    return ImageSplit(images, None if labels is None else torch.from_numpy(labels.astype(np.int64)))
