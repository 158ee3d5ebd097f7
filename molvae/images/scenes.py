"""Scenes that the package draws itself, with everything known about them: factors of variation and object masks.

- coloured sprites: one square, ellipse or heart on black, after dSprites and its coloured variants (Matthey et al.
  2017; Watters et al. 2019); five factors that a picture tells for certain, and an angle that symmetry hides in part;
- tetrominoes: non-overlapping tetrominoes on black, after the Multi-Object Datasets (Kabra et al. 2019), with the mask
  of each.
"""

import numpy as np

SHAPES = ("square", "ellipse", "heart")
SPRITE_FACTORS = ("shape", "size", "angle", "x", "y", "hue")
"""What a sprite is drawn from: a number of ``SHAPES``; half its width as a share of the picture; radians; the place of
its centre from 0 to 1, from the left and from the top; its hue from 0 to 1."""
_RANGES = {"size": (0.14, 0.24), "x": (0.25, 0.75), "y": (0.25, 0.75), "hue": (0.0, 0.85)}


def sprite_factors(number: int, seed: int = 0) -> np.ndarray:
    """Independent factors, uniform over their ranges: (number, 6), columns as ``SPRITE_FACTORS``."""
    random = np.random.default_rng((seed, 7))
    low, high = np.array(list(_RANGES.values())).T
    size, x, y, hue = random.uniform(low, high, (number, 4)).T
    angle = random.uniform(0, 2 * np.pi, number)
    return np.stack([random.integers(len(SHAPES), size=number), size, angle, x, y, hue], 1)


def draw_sprites(factors: np.ndarray, side: int = 32) -> np.ndarray:
    """Pictures (n, 3, side, side) in [0, 1] of sprites with these factors (n, 6), anti-aliased."""
    fine = 2  # each pixel is the mean of 2 x 2 points
    line = (np.arange(side * fine, dtype=np.float32) + 0.5) / (side * fine)
    pictures = np.empty((len(factors), 3, side, side), np.float32)
    for begin in range(0, len(factors), 500):
        part = factors[begin : begin + 500].astype(np.float32)
        shape, size, angle, x, y, hue = (column[:, None, None] for column in part.T)
        across, down = (line[None, None, :] - x) / size, (line[None, :, None] - y) / size
        u = np.cos(angle) * across + np.sin(angle) * down
        v = np.sin(angle) * across - np.cos(angle) * down
        inside = np.where(shape == 0, np.maximum(abs(u), abs(v)) < 0.85, (u**2 + (v / 0.55) ** 2) < 1)
        inside = np.where(shape == 2, (u**2 + v**2 - 0.75) ** 3 < 1.5 * u**2 * v**3, inside)
        covered = inside.reshape(len(part), side, fine, side, fine).mean((2, 4), dtype=np.float32)
        pictures[begin : begin + 500] = covered[:, None] * _colour(hue[:, 0, 0])[:, :, None, None]
    return pictures


def _colour(hue: np.ndarray) -> np.ndarray:
    """Full saturation and value: hue (n,) -> RGB (n, 3)."""
    place = (hue[:, None] + np.array([0.0, 2 / 3, 1 / 3])) % 1.0
    return np.clip(np.abs(6 * place - 3) - 1, 0, 1).astype(np.float32)


COLOURS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)
"""Of tetrominoes, as in the original data."""

_PIECES = ("XXXX", "XX/XX", "XXX/.X.", "XXX/X..", "XXX/..X", "XX./.XX", ".XX/XX.")


def _orientations() -> list[np.ndarray]:
    """All distinct rotations of the seven pieces: 19 arrays of booleans."""
    found: dict[tuple[tuple[int, ...], bytes], np.ndarray] = {}
    for piece in _PIECES:
        cells = np.array([[letter == "X" for letter in row] for row in piece.split("/")])
        for turns in range(4):
            turned = np.rot90(cells, turns)
            found[turned.shape, turned.tobytes()] = turned
    return list(found.values())


ORIENTATIONS = _orientations()


def draw_tetrominoes(
    number: int, seed: int = 0, side: int = 24, cell: int = 3, objects: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of ``objects`` tetrominoes that do not overlap: pictures (number, 3, side, side) in [0, 1], and boolean
    masks (number, objects + 1, side, side), the background first.

    Args:
        number: of scenes.
        seed: of all of them.
        side: of a picture, in pixels; the original is 35.
        cell: side of each of the four squares of a piece; the original is 5.
        objects: in a scene; the original has three.
    """
    random = np.random.default_rng((seed, objects))
    pictures, masks = zip(*(_scene(random, side, cell, objects) for _ in range(number)), strict=True)
    return np.stack(pictures), np.stack(masks)


def _scene(random: np.random.Generator, side: int, cell: int, objects: int) -> tuple[np.ndarray, np.ndarray]:
    while True:  # a scene in which the next piece finds no place is begun again
        taken = np.zeros((side, side), bool)
        picture, masks = np.zeros((3, side, side), np.float32), []
        for _ in range(objects):
            spot = _place(random, taken, cell)
            if spot is None:
                break
            taken |= spot
            picture += spot * COLOURS[random.integers(len(COLOURS))][:, None, None]
            masks.append(spot)
        else:
            return picture, np.stack([~taken, *masks])


def _place(random: np.random.Generator, taken: np.ndarray, cell: int) -> np.ndarray | None:
    """A mask (side, side) of a random piece where nothing is yet, or None after twenty tries."""
    side = len(taken)
    for _ in range(20):
        piece = ORIENTATIONS[random.integers(len(ORIENTATIONS))].repeat(cell, 0).repeat(cell, 1)
        height, width = piece.shape
        top, left = random.integers(side - height + 1), random.integers(side - width + 1)
        if not (taken[top : top + height, left : left + width] & piece).any():
            spot = np.zeros_like(taken)
            spot[top : top + height, left : left + width] = piece
            return spot
    return None
