"""What a run has to show: named tables and arrays with a title, kept as files; the report decides how to draw them.

A study computes, the report draws: neither knows the other. A panel is ``panels/NN-name.json`` (title, kind, caption,
options) beside ``NN-name.csv`` (a table) or ``NN-name.npz`` (an array), so that anyone can draw it again elsewhere.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from molvae.run.files import atomic_path, write_text

FOLDER = "panels"


@dataclass(frozen=True)
class Panel:
    """One picture or table.

    Attributes:
        name: of its files.
        kind: ``table`` (frame); ``lines`` (frame: the first column is x, each other a line); ``scatter`` (frame: x, y
            and, if there are more columns, the class, and a number that colours the points of those classes that have
            one); ``violins`` (frame: group, value); ``images`` (array (rows, columns, H, W) in [0, 1], or (rows,
            columns, H, W, 3) in colour); ``molecules`` (frame: ``smiles``, drawn, or empty where there is none; the
            other columns stand below); ``sticks`` (frame: scenes of line segments, see
            :func:`molvae.chemistry.docking.pictures.pose_panel`); ``sketches`` (frame: strokes of sketches in rows and
            columns, see :func:`molvae.images.sketch_pictures.strokes`); ``alignment`` (frame: ``name`` and ``sequence``
            of rows of equal length, ``-`` for a gap, and perhaps ``note``, which stands behind a row, and ``group``:
            the rows of a group are compared with its first).
        title: above it.
        caption: below it: what is seen, and the source of the idea.
        frame: of a table, lines or scatter.
        array: of images.
        options: ``log_x``, ``log_y``, ``x``, ``y`` (labels), ``columns`` and ``rows`` (names beside
            images or sketches), ``aspect`` (of a scatter: ``auto``; default ``equal``), ``tight`` (no gaps between
            images), ``facets`` (a scatter for each class), ``points`` (lines: each of their points is marked),
            ``joined`` (a scatter of few points: a line goes through those of a class, in the order of the table).
    """

    name: str
    kind: Literal["table", "lines", "scatter", "violins", "images", "molecules", "sticks", "sketches", "alignment"]
    title: str
    caption: str = ""
    frame: pd.DataFrame | None = None
    array: np.ndarray | None = None
    options: dict[str, Any] = field(default_factory=dict)


def save_panels(folder: Path, panels: Sequence[Panel]) -> None:
    """Write the panels of a run, in the order in which they are to be shown; older ones go."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for old in [path for path in target.iterdir() if path.suffix in (".json", ".csv", ".npz")]:
        old.unlink()
    for place, panel in enumerate(panels, start=1):
        stem = f"{place:02d}-{panel.name}"
        if panel.frame is not None:
            write_text(target / f"{stem}.csv", panel.frame.to_csv(index=False))
        if panel.array is not None:
            with atomic_path(target / f"{stem}.npz") as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, array=panel.array.astype(np.float32))
        head = {"kind": panel.kind, "title": panel.title, "caption": panel.caption, "options": panel.options}
        write_text(target / f"{stem}.json", json.dumps(head, indent=1))


def load_panels(folder: Path) -> list[Panel]:
    """Read what :func:`save_panels` wrote; a folder without panels has none."""
    panels = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        head = json.loads(path.read_text(encoding="utf-8"))
        frame = pd.read_csv(path.with_suffix(".csv")) if path.with_suffix(".csv").is_file() else None
        array = None
        if path.with_suffix(".npz").is_file():
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
                array = file["array"]
        panels.append(Panel(path.stem.split("-", 1)[1], frame=frame, array=array, **head))
    return panels
