"""Aligned sequences as a picture: a row each, residues coloured by what they are like, a ruler above."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from molvae.proteins.drawing import COLOUR

_ACROSS = 100  # columns of a block
_SAME = "#f1f1f1"


def alignment(frame: pd.DataFrame) -> Figure:
    """Draw the frame of a panel of kind ``alignment`` (:class:`molvae.run.panels.Panel`).

    Where rows form groups, a residue is coloured in the first row of each and where it differs from that row.
    """
    sequences = _texts(frame["sequence"])
    names = [str(name)[:24] for name in frame["name"]]
    notes = _texts(frame["note"]) if "note" in frame else [""] * len(frame)
    groups = frame["group"].tolist() if "group" in frame else list(range(len(frame)))
    longest = max(map(len, sequences), default=1)
    blocks = [(first, min(first + _ACROSS, longest)) for first in range(0, max(1, longest), _ACROSS)]
    figure = Figure(figsize=(8.4, max(1.0, 0.155 * len(blocks) * (len(frame) + 2.5 + len(set(groups)) * 0.5))))
    for number, (first, last) in enumerate(blocks):
        axis = figure.add_axes((0.14, 1 - (number + 0.97) / len(blocks), 0.76, 0.92 / len(blocks)))
        y, before, leader = 0.0, None, ""
        for name, sequence, note, group in zip(names, sequences, notes, groups, strict=True):
            if group != before:
                y, before, leader = y + 0.5, group, ""
            for place, residue in enumerate(sequence[first:last]):
                same = first + place < len(leader) and leader[first + place] == residue
                colour = _SAME if same else COLOUR.get(residue, "#ffffff")
                axis.add_patch(Rectangle((place, y), 1, 1, facecolor=colour, lw=0))
                ink = "#999999" if same else "#111111"
                axis.text(place + 0.5, y + 0.75, residue, ha="center", fontsize=4.6, family="monospace", color=ink)
            axis.text(-0.8, y + 0.75, name, ha="right", fontsize=6, parse_math=False)
            if note and (first, last) == blocks[-1]:
                axis.text(last - first + 0.8, y + 0.75, note, fontsize=6, parse_math=False)
            leader = leader or sequence
            y += 1
        marks = [mark for mark in range(first, last) if (mark + 1) % 10 == 0]
        axis.set_xticks([mark - first + 0.5 for mark in marks], [str(mark + 1) for mark in marks], fontsize=5)
        axis.xaxis.tick_top()
        axis.tick_params(length=0, pad=1)
        axis.set(xlim=(0, max(last - first, 40)), ylim=(y, 0), yticks=[])
        axis.set_frame_on(False)
        axis.grid(False)
    return figure


def _texts(column: pd.Series) -> list[str]:
    """A column as text; what is missing is empty, also where a file had nothing in the whole column."""
    return [str(value) if pd.notna(value) else "" for value in column]
