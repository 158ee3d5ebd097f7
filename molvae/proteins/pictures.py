"""Pictures of the latent space of a family: where its groups lie, where function lies, and a path through it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from molvae.proteins.alignment import against
from molvae.proteins.tables import path
from molvae.proteins.vae import ProteinVAE
from molvae.run.panels import Panel

_GROUPS = 9  # named in the picture, the largest; the others are one colour


def plane(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components of points (n, D): (n, 2), and their shares of the variance (2,)."""
    centred = z - z.mean(0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    share = singular**2 / (singular**2).sum()
    return centred @ axes[:2].T, share[:2]


def group_panel(z: np.ndarray, groups: Sequence[str], what: str) -> Panel:
    """Points coloured by their group, the largest groups by name."""
    flat, share = plane(z)
    counted = pd.Series([group for group in groups if group]).value_counts()
    named = set(counted.index[:_GROUPS])
    shown = [group if group in named else "others" for group in groups]
    frame = pd.DataFrame({"PC 1": flat[:, 0], "PC 2": flat[:, 1], what: shown})
    order = frame[what].map({"others": 0}).fillna(1).argsort(kind="stable")
    caption = (
        f"Posterior means of {len(z)} sequences, their first two principal components"
        f" ({share[0]:.0%} and {share[1]:.0%} of the variance); the {len(named)} largest groups have a colour."
    )
    options = {"aspect": "auto"}
    return Panel("groups", "scatter", f"Latent space by {what}", caption, frame=frame.iloc[order], options=options)


def function_panel(z: np.ndarray, value: np.ndarray, positive: np.ndarray, threshold: float, what: str) -> Panel:
    """Points coloured by measured function; those above the threshold in front, those not measured left out."""
    flat, share = plane(z)
    kind = np.where(positive, f"above {threshold:g}", "measured")
    shown = np.where(kind == "measured", value, np.nan)
    frame = pd.DataFrame({"PC 1": flat[:, 0], "PC 2": flat[:, 1], "class": kind, what: shown})[np.isfinite(value)]
    order = (frame["class"] != "measured").argsort(kind="stable")
    caption = (
        f"The same points by {what} ({share[0]:.0%} and {share[1]:.0%} of the variance): {int(positive.sum())} of"
        f" {int(np.isfinite(value).sum())} measured sequences are above {threshold:g}."
    )
    options = {"aspect": "auto"}
    return Panel("function", "scatter", f"Latent space by {what}", caption, frame=frame.iloc[order], options=options)


def path_panel(model: ProteinVAE, start: str, end: str, names: tuple[str, str], steps: int = 9) -> Panel:
    """What the model writes between two homologues, aligned to the first of them, greedily decoded."""
    table = path(model, start, end, steps, n_decodings=1)
    written = [text if isinstance(text, str) else "" for text in table["sequence"]]
    rows = [start, *against(start, [text for text in written if text]), *against(start, [end])]
    labels = [names[0], *(f"t = {t:.2f}" for t, text in zip(table["t"], written, strict=True) if text), names[1]]
    value = table.get("function")
    notes = ["", *("" if value is None else f"{value[row]:.2f}" for row, text in enumerate(written) if text), ""]
    frame = pd.DataFrame({"name": labels, "sequence": rows, "note": notes, "group": 0})
    caption = (
        "Great circle between the points of two natural sequences, which stand above and below; residues that are those"
        " of the first are pale, and what has no place in its columns is left out."
        + ("" if value is None else " Numbers: predicted function.")
    )
    return Panel("path", "alignment", "A path between two homologues", caption, frame=frame)


def path_ends(model: ProteinVAE, sequences: Sequence[str], groups: Sequence[str]) -> tuple[int, int]:
    """Two sequences for a path: the middle ones of the two largest groups, or of both halves where there are none."""
    z = model.encode(list(sequences))
    names = pd.Series([group for group in groups if group]).value_counts().index[:2]
    parts = [[row for row, group in enumerate(groups) if group == name] for name in names]
    if len(parts) < 2:
        half = len(sequences) // 2
        parts = [list(range(half)), list(range(half, len(sequences)))]
    middles = []
    for part in parts:
        points = z[part]
        middles.append(part[int(torch.cdist(points, points).sum(1).argmin())])
    return middles[0], middles[1]
