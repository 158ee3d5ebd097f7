"""Sketches as sequences of pen movements: what a set of them is, and the sets that there are.

A point is (dx, dy, lifted): the pen moves by (dx, dy), x to the right and y down, and is lifted after it or not. The
first point moves from the origin. This is the format of Ha & Eck 2017 ("A neural representation of sketch drawings").

Their own files are pickles inside ``.npz`` and are never loaded here. What is read:

- ``.npz`` without pickles: ``{train,valid,test}_points`` (sum of lengths, 3) and ``{train,valid,test}_lengths`` (n,);
- ``.ndjson`` as Quick, Draw! publishes its drawings, one a line, ``{"drawing": [[[x, ...], [y, ...]], ...]}``;
- Omniglot's own text files, in the two zip files that its authors publish.
"""

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molvae.errors import ConfigError, InputError
from molvae.images.scribbles import draw_scribbles
from molvae.run.fetch import RemoteDataset, RemoteFile, fetch

_OMNIGLOT = "https://raw.githubusercontent.com/brendenlake/omniglot/057f034baf2ecb8530bc5710e5a23584d2a519cc/python"


def _zip(name: str, sha256: str) -> RemoteFile:
    return RemoteFile(f"omniglot/{name}", (f"{_OMNIGLOT}/{name}",), sha256=sha256)


OMNIGLOT = RemoteDataset(
    "omniglot",
    {
        "small1": _zip(
            "strokes_background_small1.zip", "8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2"
        ),
        "small2": _zip(
            "strokes_background_small2.zip", "345bf2141efbea062833dbb2828abbc23d9e07825e46f2afdd4daecddfed6e78"
        ),
    },
    licence="MIT (Brenden Lake)",
)
_OWN = "no upstream without pickles; see docs/images.md for the layout of the file"
KANJI = RemoteDataset(
    "kanji",
    {
        "sketches": RemoteFile(
            "sketch/short_kanji_flat.npz",
            (),  # upstream is a pickle
            sha256="5c9157c37c99cf2fc8b74a14d719a642b26070e8668b3a7a5e39d029f0f47105",
        )
    },
    licence=f"CC BY-SA 3.0, KanjiVG by Ulrich Apel; {_OWN}",
)
SHEEP = RemoteDataset(
    "sheep",
    {
        "sketches": RemoteFile(
            "sketch/aaron_sheep_flat.npz",
            (),
            sha256="aff0681e37c333c7b887f3b55cf63213a5745cdce2fbd33f72a1a2d5bb80f29e",
        )
    },
    licence=f"CC BY-NC 4.0, Aaron Koblin; {_OWN}",
)
SKETCH_DATASETS = ("scribbles", "omniglot", "kanji", "sheep")
_SUFFIXES = (".npz", ".ndjson")


@dataclass(frozen=True)
class Sketches:
    """Sketches one after another.

    Attributes:
        points: (P, 3) float32: dx, dy, and 1 where the pen is lifted after the point; the last point of a sketch lifts.
        lengths: (N,) int64 points of each sketch, at least 1; their sum is P.
        labels: (N,) int64 classes, or None.
    """

    points: Tensor
    lengths: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: "slice | Tensor") -> "Sketches":
        chosen = torch.arange(len(self))[rows]
        starts = self.lengths.cumsum(0) - self.lengths
        places = [torch.arange(int(starts[row]), int(starts[row] + self.lengths[row])) for row in chosen.tolist()]
        flat = torch.cat(places) if places else torch.empty(0, dtype=torch.int64)
        labels = None if self.labels is None else self.labels[chosen]
        return Sketches(self.points[flat], self.lengths[chosen], labels)

    def split(self) -> list[Tensor]:
        """The points of each sketch, (n, 3) each."""
        return list(self.points.split(self.lengths.tolist()))

    @classmethod
    def join(cls, parts: Sequence[Tensor], labels: Tensor | None = None) -> "Sketches":
        """Of the points of each sketch, (n, 3) each."""
        return cls(torch.cat(list(parts)), torch.tensor([len(part) for part in parts], dtype=torch.int64), labels)

    @classmethod
    def of_strokes(cls, drawings: Sequence[Sequence[np.ndarray]], labels: np.ndarray | None = None) -> "Sketches":
        """Of strokes (n, 2) of places, each drawing a list of them; a drawing begins at its own first place."""
        parts = []
        for strokes in drawings:
            places = np.concatenate(list(strokes))
            lifted = np.zeros(len(places))
            lifted[np.cumsum([len(stroke) for stroke in strokes]) - 1] = 1
            moves = np.diff(places, axis=0, prepend=places[:1])
            parts.append(torch.from_numpy(np.column_stack([moves, lifted]).astype(np.float32)))
        return cls.join(parts, None if labels is None else torch.from_numpy(labels))


@dataclass(frozen=True)
class SketchData:
    """A set of sketches in three parts, with what a model needs to know of it.

    Attributes:
        name: what it is called.
        train, valid, test: the parts.
    """

    name: str
    train: Sketches
    valid: Sketches
    test: Sketches

    @property
    def scale(self) -> float:
        """Standard deviation of the offsets of the training part, both directions together (Ha & Eck 2017)."""
        return float(self.train.points[:, :2].double().std())

    @property
    def max_length(self) -> int:
        """N_max: points of the longest sketch."""
        return max(int(part.lengths.max()) for part in (self.train, self.valid, self.test))


def is_sketches(name: str) -> bool:
    """Whether a data set of this name is one of sketches, or a file of them."""
    return name in SKETCH_DATASETS or name.lower().endswith(_SUFFIXES)


def load_sketches(name: str, mirror: Path | None = None, cache: Path | None = None) -> SketchData:
    """A set of sketches by name, or a file of them.

    - ``scribbles``: ten kinds of shapes and letters, drawn by the package (4,000 / 300 / 500).
    - ``omniglot``: characters of ten alphabets, each by twenty people, with times left out and lines simplified; the
      people are held out (sixteen / two / two of each character: 4,672 / 584 / 584).
    - ``kanji``, ``sheep``: read from a mirror, since their upstream files are pickles.
    - a file ``.npz`` or ``.ndjson`` as in the description of this module; of one without parts every tenth sketch is
      for validation, and every tenth for the test.

    Args:
        name: one of ``SKETCH_DATASETS``, or a file.
        mirror: folder to read the files from instead of the network.
        cache: where downloads are kept.

    Raises:
        ConfigError: no such data set.
        InputError: the file cannot be read, or is not of this kind.
        DownloadError: it could not be had, or does not match its checksum.
    """
    if name == "scribbles":
        train, valid, test = (
            Sketches.of_strokes(*draw_scribbles(number, seed)) for seed, number in enumerate((4000, 300, 500))
        )
        return SketchData(name, train, valid, test)
    if name == "omniglot":
        return _omniglot(list(fetch(OMNIGLOT, mirror, cache).values()))
    for dataset in (KANJI, SHEEP):
        if name == dataset.name:
            return read_sketches(fetch(dataset, mirror, cache)["sketches"], name)
    if name.lower().endswith(_SUFFIXES):
        return read_sketches(Path(name))
    raise ConfigError(f"no set of sketches {name!r}: there are {', '.join(SKETCH_DATASETS)}, and files .npz, .ndjson")


def read_sketches(path: Path, name: str | None = None) -> SketchData:
    """Read a file of sketches, see the description of this module.

    Raises:
        InputError: no such file, or not of this kind.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    data = _read_npz(path) if path.suffix.lower() == ".npz" else _read_ndjson(path)
    return SketchData(name or path.stem, *data)


def _read_npz(path: Path) -> list[Sketches]:
    try:
        # every member is read once, and none of it is ever unpickled
        with np.load(path, allow_pickle=False) as file:
            names = [f"{part}_{kind}" for part in ("train", "valid", "test") for kind in ("points", "lengths")]
            missing = [name for name in names if name not in file.files]
            if missing and set(file.files) & {"train", "valid", "test"}:
                raise InputError(
                    f"{path} holds pickled objects, which are never loaded: write its sketches as {', '.join(names)} "
                    "(points of all sketches one after another, and how many each has)"
                )
            if missing:
                raise InputError(f"{path} has no {missing[0]}: it should hold {', '.join(names)}")
            arrays = [file[name] for name in names]
    except (ValueError, TypeError, AttributeError, OSError, zlib.error, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} cannot be read as .npz without pickles ({error})") from None
    parts = ("train", "valid", "test")
    return [_checked(arrays[2 * k], arrays[2 * k + 1], f"{path}, {part}") for k, part in enumerate(parts)]


def _checked(points: np.ndarray, lengths: np.ndarray, where: str) -> Sketches:
    if points.ndim != 2 or points.shape[1] != 3 or lengths.ndim != 1 or not np.issubdtype(lengths.dtype, np.integer):
        raise InputError(
            f"{where}: points (n, 3) and whole lengths (m,) are needed, not {points.shape}, {lengths.shape}"
        )
    if not np.issubdtype(points.dtype, np.number) or np.iscomplexobj(points) or not np.isfinite(points).all():
        raise InputError(f"{where}: the points are not all finite numbers")
    if not len(lengths) or (lengths < 1).any() or lengths.sum(dtype=np.int64) != len(points):
        raise InputError(f"{where}: {len(lengths)} lengths of at least 1 must sum to the {len(points)} points")
    moves, lifted = points[:, :2].astype(np.float32), points[:, 2] > 0.5
    lifted[np.cumsum(lengths, dtype=np.int64) - 1] = True  # what comes after the last point is no stroke
    flat = torch.from_numpy(np.column_stack([moves, lifted]).astype(np.float32))
    return Sketches(flat, torch.from_numpy(lengths.astype(np.int64)))


def _read_ndjson(path: Path) -> list[Sketches]:
    drawings: list[list[np.ndarray]] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                strokes = [np.array([stroke[0], stroke[1]], np.float64).T for stroke in json.loads(line)["drawing"]]
                if not strokes or not all(len(s) and s.ndim == 2 and np.isfinite(s).all() for s in strokes):
                    raise ValueError
            except (ValueError, KeyError, TypeError, IndexError, RecursionError):
                raise InputError(
                    f'{path}, line {number}: not a drawing {{"drawing": [[[x, ...], [y, ...]], ...]}} of Quick, Draw!'
                ) from None
            drawings.append(strokes)
    if len(drawings) < 10:
        raise InputError(f"{path} has {len(drawings)} drawings: at least ten are needed, for three parts")
    sketches, place = Sketches.of_strokes(drawings), torch.arange(len(drawings)) % 10
    return [sketches[torch.nonzero(part).flatten()] for part in (place < 8, place == 8, place == 9)]


def _omniglot(files: list[Path]) -> SketchData:
    drawings: list[list[list[np.ndarray]]] = [[], [], []]
    labels: list[list[int]] = [[], [], []]
    classes: dict[str, int] = {}
    for path in files:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".txt") and "MACOSX" not in name)
            for name in names:
                character, _, drawing = name.rpartition("/")
                person = int(drawing.removesuffix(".txt").rpartition("_")[2])  # 1 to 20
                part = 0 if person <= 16 else 1 if person <= 18 else 2
                drawings[part].append(read_omniglot(archive.read(name).decode()))
                labels[part].append(classes.setdefault(character, len(classes)))
    parts = [Sketches.of_strokes(d, np.array(k, np.int64)) for d, k in zip(drawings, labels, strict=True)]
    return SketchData("omniglot", *parts)


def read_omniglot(text: str, tolerance: float = 1.0) -> list[np.ndarray]:
    """The strokes of one drawing of Omniglot's text files, simplified; y, which there points up, points down.

    Args:
        text: ``START``, lines ``x,y,milliseconds``, and ``BREAK`` after each stroke.
        tolerance: see :func:`simplify`, in pixels of the canvas of 105 x 105.
    """
    strokes: list[np.ndarray] = []
    for block in text.replace("START", "").split("BREAK"):
        if block.strip():
            places = np.array([line.split(",")[:2] for line in block.split()], np.float64)
            strokes.append(simplify(places * [1.0, -1.0], tolerance))
    return strokes


def simplify(places: np.ndarray, tolerance: float) -> np.ndarray:
    """A polyline (n, 2) with fewer points, nowhere further than ``tolerance`` from the old one (Ramer 1972; Douglas &
    Peucker 1973).
    """
    keep = np.zeros(len(places), bool)
    keep[[0, -1]] = True
    stretches = [(0, len(places) - 1)]
    while stretches:
        first, last = stretches.pop()
        if last - first < 2:
            continue
        chord, inner = places[last] - places[first], places[first + 1 : last] - places[first]
        squared = float(chord @ chord)
        # nearest place of the chord itself, not of the line through it: a stroke may come back to where it began
        along = np.clip(inner @ chord / squared, 0, 1)[:, None] if squared > 0 else np.zeros((len(inner), 1))
        away = np.linalg.norm(inner - along * chord, axis=1)
        furthest = int(away.argmax())
        if away[furthest] > tolerance:
            middle = first + 1 + furthest
            keep[middle] = True
            stretches += [(first, middle), (middle, last)]
    return places[keep]
