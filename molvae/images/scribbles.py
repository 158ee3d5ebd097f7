"""Sketches that the package draws itself: shapes and letters as a hand would draw them, stroke by stroke.

Each drawing of a class differs in size, proportion, slant, place of its corners and unsteadiness of the hand; what is
learned is the order of the strokes, when the pen is lifted, and what the classes look like.
"""

import itertools

import numpy as np

SCRIBBLES = ("triangle", "square", "star", "spiral", "wave", "house", "face", "arrow", "letter A", "letter H")
"""Classes in the order of their labels."""

Stroke = np.ndarray
"""(n, 2) places of the pen, x to the right and y down, in a square of side 2 around the origin."""


def draw_scribbles(number: int, seed: int = 0) -> tuple[list[list[Stroke]], np.ndarray]:
    """``number`` sketches, each a list of strokes in units of about 1/50 of their size, and their classes (number,)."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(number) % len(SCRIBBLES))
    return [_drawn(SCRIBBLES[label], random) for label in labels], labels.astype(np.int64)


def _drawn(name: str, random: np.random.Generator) -> list[Stroke]:
    strokes = _SHAPES[name](random)
    slant = random.normal(0, 0.12)
    shape = np.array([[1.0, slant], [random.normal(0, 0.08), 1.0]]) @ np.diag(random.uniform(0.75, 1.25, 2))
    size = random.uniform(35, 50)
    # a hand that is not quite steady: every place a little off
    return [size * (stroke @ shape.T + random.normal(0, 0.03, stroke.shape)) for stroke in strokes]


def _line(*corners: tuple[float, float], parts: int = 2) -> Stroke:
    """Straight from corner to corner, each side in ``parts``."""
    places = np.array(corners)
    steps = np.arange(parts)[:, None] / parts
    sides = [start + steps * (end - start) for start, end in itertools.pairwise(places)]
    return np.concatenate([*sides, places[-1:]])


def _arc(x: float, y: float, radius: float, start: float, turn: float, points: int) -> Stroke:
    angle = np.linspace(start, start + turn, points)
    return np.array([x, y]) + radius * np.stack([np.cos(angle), np.sin(angle)], -1)


def _polygon(sides: int, random: np.random.Generator) -> list[Stroke]:
    start = -np.pi / 2 + random.normal(0, 0.2) + (np.pi / 4 if sides == 4 else 0)
    corners = _arc(0, 0, 1, start, 2 * np.pi, sides + 1)
    return [_line(*map(tuple, corners))]


def _star(random: np.random.Generator) -> list[Stroke]:
    corners = _arc(0, 0, 1, -np.pi / 2 + random.normal(0, 0.1), 4 * np.pi, 6)  # every other corner of a pentagon
    return [_line(*map(tuple, corners))]


def _spiral(random: np.random.Generator) -> list[Stroke]:
    turns = random.uniform(1.8, 2.6)
    angle = np.linspace(0, 2 * np.pi * turns, 20) + random.uniform(-0.5, 0.5)
    radius = np.linspace(0.08, 1, 20)[:, None]
    return [radius * np.stack([np.cos(angle), np.sin(angle)], -1)]


def _wave(random: np.random.Generator) -> list[Stroke]:
    x = np.linspace(-1, 1, 16)
    return [np.stack([x, 0.6 * np.sin(np.pi * random.uniform(1.6, 2.4) * (x + 1))], -1)]


def _house(random: np.random.Generator) -> list[Stroke]:
    door = random.uniform(-0.3, 0.1)
    walls = _line((-0.7, -0.1), (-0.7, 1), (0.7, 1), (0.7, -0.1))
    return [
        walls,
        _line((-0.9, -0.1), (0, -1), (0.9, -0.1)),
        _line((door, 1), (door, 0.4), (door + 0.3, 0.4), (door + 0.3, 1), parts=1),
    ]


def _face(random: np.random.Generator) -> list[Stroke]:
    mood = random.uniform(-0.5, 1)  # the corners of the mouth, up or down
    mouth = np.linspace(-0.45, 0.45, 5)
    smile = np.stack([mouth, 0.45 + mood * (0.2 - mouth**2)], -1)
    eyes = [_line((side, -0.35), (side, -0.15), parts=1) for side in (-0.35, 0.35)]
    return [_arc(0, 0, 1, -np.pi / 2, 2 * np.pi, 14), *eyes, smile]


def _arrow(random: np.random.Generator) -> list[Stroke]:
    wing = random.uniform(0.3, 0.6)
    return [_line((-1, 0), (1, 0), parts=3), _line((1 - wing, -wing), (1, 0), (1 - wing, wing))]


def _letter_a(random: np.random.Generator) -> list[Stroke]:
    bar = random.uniform(0.1, 0.4)
    half = 0.7 * (bar + 1) / 2
    return [_line((-0.7, 1), (0, -1), (0.7, 1)), _line((-half, bar), (half, bar))]


def _letter_h(random: np.random.Generator) -> list[Stroke]:
    bar = random.uniform(-0.2, 0.2)
    return [_line((-0.6, -1), (-0.6, 1)), _line((0.6, -1), (0.6, 1)), _line((-0.6, bar), (0.6, bar))]


_SHAPES = {
    "triangle": lambda random: _polygon(3, random),
    "square": lambda random: _polygon(4, random),
    "star": _star,
    "spiral": _spiral,
    "wave": _wave,
    "house": _house,
    "face": _face,
    "arrow": _arrow,
    "letter A": _letter_a,
    "letter H": _letter_h,
}
