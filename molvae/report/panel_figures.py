"""Panels of a study as SVG text."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from molvae.errors import ConfigError
from molvae.report.alignment_figures import alignment
from molvae.report.figures import STYLE, axes_in_rows, svg
from molvae.run.files import atomic_path, write_text
from molvae.run.panels import Panel

_FRONT = ("#D55E00", "#CC79A7", "#56B4E9", "#000000")  # not in the colour scale behind them
_ELEMENTS = {  # of a ligand, as chemists colour them
    "C": "#2E7D5B",
    "N": "#3D5AFE",
    "O": "#D32F2F",
    "S": "#C99700",
    "P": "#E65100",
    "F": "#8BC34A",
    "Cl": "#8BC34A",
    "Br": "#8B3A0E",
    "I": "#6A1B9A",
}
_POLAR = {"N": "#9FB3F5", "O": "#EFA3A3", "S": "#DCC873"}  # the same atoms of a receptor
_FEW = 12  # points whose places on a logarithmic axis are all labelled
_LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777")


def panel_svg(panel: Panel) -> str:
    """Draw a panel that is not a table.

    Raises:
        ValueError: the panel lacks what its kind needs.
    """
    with matplotlib.rc_context(STYLE):
        return svg(_draw(panel))


def save_panel_picture(panel: Panel, path: Path) -> Path:
    """Draw a panel into a file, PNG or SVG by its name.

    Raises:
        ConfigError: another kind of file, or a folder that does not exist.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"{path}: a picture is a .png or .svg file")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is not a folder: make it first")
    if path.suffix.lower() == ".svg":
        write_text(path, panel_svg(panel))
        return path
    with matplotlib.rc_context(STYLE), atomic_path(path) as temporary:
        figure = _draw(panel)
        FigureCanvasAgg(figure)
        figure.savefig(temporary, format="png", dpi=160)
    return path


def _draw(panel: Panel) -> Figure:
    if panel.kind == "lines" and panel.frame is not None:
        return _lines(panel, panel.frame)
    if panel.kind == "scatter" and panel.frame is not None:
        return _scatter(panel, panel.frame)
    if panel.kind == "violins" and panel.frame is not None:
        return _violins(panel, panel.frame)
    if panel.kind == "sticks" and panel.frame is not None and len(panel.frame):
        return _sticks(panel.frame)
    if panel.kind == "alignment" and panel.frame is not None and len(panel.frame):
        return alignment(panel.frame)
    if panel.kind == "sketches" and panel.frame is not None and len(panel.frame):
        return _sketches(panel, panel.frame)
    if panel.kind == "images" and panel.array is not None and panel.array.ndim in (4, 5):
        return _images(panel, panel.array)
    raise ValueError(f"panel {panel.name!r} of kind {panel.kind!r} has nothing to draw")


def _lines(panel: Panel, frame: pd.DataFrame) -> Figure:
    figure, (axis,) = axes_in_rows(1, 3.4)
    x = frame.columns[0]
    for place, name in enumerate(frame.columns[1:]):
        colour, marker = _LINES[place % len(_LINES)], "o" if panel.options.get("points") else None
        axis.plot(frame[x], frame[name], color=colour, lw=1.8, marker=marker, ms=4, label=str(name))
    axis.set(xlabel=panel.options.get("x", x), ylabel=panel.options.get("y", ""))
    if panel.options.get("log_x"):
        axis.set_xscale("log")
        if len(frame) <= _FEW:  # 2 x 10^1 between two powers of ten is hard to read
            axis.set_xticks(frame[x], [f"{value:g}" for value in frame[x]])
            axis.xaxis.set_minor_locator(NullLocator())
    if panel.options.get("log_y"):
        axis.set_yscale("log")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(frame.columns) - 1), fontsize=8)
    return figure


def _scatter(panel: Panel, frame: pd.DataFrame) -> Figure:
    x, y = frame.columns[:2]
    label = frame.columns[2] if len(frame.columns) > 2 else None
    if label is not None and panel.options.get("facets"):
        return _facets(frame, x, y, label)
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    axis = figure.subplots()
    if len(frame.columns) > 3:
        _coloured(figure, axis, frame)
    elif label is not None:
        ordered = pd.api.types.is_numeric_dtype(frame[label])  # names keep the order of the table
        for place, (name, part) in enumerate(frame.groupby(label, sort=ordered)):
            colour = matplotlib.colormaps["tab10"](place % 10)
            if panel.options.get("joined"):
                axis.plot(part[x], part[y], color=colour, lw=1.8, marker="o", ms=4, label=_plain(name))
            else:
                axis.scatter(part[x], part[y], s=5, lw=0, alpha=0.7, color=colour, label=_plain(name))
        axis.legend(markerscale=2.5, loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        axis.scatter(frame[x], frame[y], s=4, lw=0, alpha=0.6, color=_LINES[0])
    axis.set(xlabel=panel.options.get("x", x), ylabel=panel.options.get("y", y))
    axis.set(xscale="log" if panel.options.get("log_x") else "linear")
    axis.set(yscale="log" if panel.options.get("log_y") else "linear")
    axis.set_aspect(panel.options.get("aspect", "equal"))
    return figure


def _plain(name: Any) -> str:
    """A name of the user's as text: matplotlib would read formulas between dollars."""
    return str(name).replace("$", r"\$")


def _coloured(figure: Figure, axis: Any, frame: pd.DataFrame) -> None:
    """Classes whose fourth column is a number in its colours, under a bar; the others in front, in one colour each."""
    x, y, label, value = frame.columns[:4]
    graded = frame[frame[value].notna()]
    low, high = np.nanpercentile(graded[value], [2, 98])  # a few outliers must not take the whole scale
    cloud = axis.scatter(graded[x], graded[y], s=6, lw=0, c=graded[value], cmap="viridis", vmin=low, vmax=high)
    figure.colorbar(cloud, ax=axis, label=_plain(value), shrink=0.8, extend="both")
    front = frame[frame[value].isna()]
    for (name, part), colour in zip(front.groupby(label, sort=False), _FRONT, strict=False):
        axis.scatter(part[x], part[y], s=16, lw=0.5, edgecolor="white", color=colour, label=_plain(name))
    if len(front):
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)


def _sticks(frame: pd.DataFrame) -> Figure:
    """One scene for each value of the first column; what is further off is drawn first, and paler."""
    names = list(frame["pose"].unique())
    figure, axes = axes_in_rows(len(names), 3.6, columns=2)
    for axis, name in zip(axes, names, strict=True):
        scene = frame[frame["pose"] == name]
        deep = scene[["depth", "depth2"]].mean(axis=1)
        low, high = float(deep.min()), float(deep.max())
        near = (deep - low) / max(high - low, 1e-9)
        ends = scene[["x", "y", "x2", "y2"]].to_numpy(float).reshape(-1, 2, 2)
        for kind, colours, width in (("receptor", {}, 1.1), ("ligand", _ELEMENTS, 2.6)):
            rows = np.flatnonzero(scene["kind"] == kind)
            rows = rows[np.argsort(near.to_numpy()[rows], kind="stable")]
            elements = scene["element"].to_numpy()
            default = "#555555" if kind == "ligand" else None
            shades = [
                colours.get(elements[row], default) or matplotlib.colors.to_hex((0.92 - 0.42 * near.iloc[row],) * 3)
                for row in rows
            ]
            if kind == "receptor":  # polar atoms of the receptor in the paler colour of their element
                shades = [_POLAR.get(elements[row], shade) for row, shade in zip(rows, shades, strict=True)]
            lines = LineCollection(list(ends[rows]), colors=shades, linewidths=width, capstyle="round")
            axis.add_collection(lines)
        contacts = ends[np.flatnonzero(scene["kind"] == "contact")]
        axis.add_collection(LineCollection(list(contacts), colors="#009E73", linewidths=1.2, linestyles=":"))
        for row in scene[scene["kind"] == "label"].itertuples():
            axis.text(row.x, row.y, str(row.label), fontsize=6, color="#444444", ha="center", va="center")
        axis.set_title(str(name), fontsize=8)
        axis.autoscale_view()
        axis.set_aspect("equal")
        axis.set_axis_off()
    return figure


def _sketches(panel: Panel, frame: pd.DataFrame) -> Figure:
    """Strokes in cells of equal size, each sketch scaled to fill its own; what was given is in another colour."""
    columns, rows = int(frame["column"].max()) + 1, int(frame["row"].max()) + 1
    names, heads = panel.options.get("rows"), panel.options.get("columns")
    beside = max((0.085 * len(name) + 0.1 for name in names or []), default=0.0)  # inches for the names of the rows
    cell = min(0.95, (8.2 - beside) / columns)
    figure = Figure(
        figsize=(columns * cell + beside + 0.1, rows * cell + (0.35 if heads else 0.1)), layout="constrained"
    )
    axis = figure.subplots()
    for (row, column), sketch in frame.groupby(["row", "column"]):
        low, high = sketch[["x", "y"]].min().to_numpy(float), sketch[["x", "y"]].max().to_numpy(float)
        size = max(float((high - low).max()), 1e-9)
        middle = np.array([column + 0.5, row + 0.5])
        ends = middle + 0.8 * (sketch[["x", "y"]].to_numpy(float) - (low + high) / 2) / size
        number, given = sketch["stroke"].to_numpy(), sketch["given"].to_numpy()
        strokes = [ends[number == stroke] for stroke in np.unique(number)]
        # a stroke is given if its first place is: where the model goes on a new one begins
        colours = [_LINES[1] if given[number == stroke][-1] else "#222222" for stroke in np.unique(number)]
        lines = LineCollection(strokes, colors=colours, linewidths=1.1, capstyle="round", joinstyle="round")
        axis.add_collection(lines)
    axis.set(xlim=(0, columns), ylim=(rows, 0))
    axis.set_aspect("equal")
    axis.spines[:].set_visible(False)
    axis.set_yticks([row + 0.5 for row in range(rows)] if names else [], names or [])
    axis.set_xticks([column + 0.5 for column in range(columns)] if heads else [], heads or [])
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=8)
    return figure


def _violins(panel: Panel, frame: pd.DataFrame) -> Figure:
    """The distribution of the second column in each group of the first, with its median."""
    group, value = frame.columns[:2]
    names = list(frame[group].unique())
    figure, (axis,) = axes_in_rows(1, 3.6)
    parts = axis.violinplot([frame.loc[frame[group] == name, value] for name in names], showmedians=True, widths=0.8)
    for body in parts["bodies"]:
        body.set(facecolor=_LINES[0], alpha=0.35)
    axis.set_xticks(range(1, len(names) + 1), [str(name) for name in names])
    axis.set(ylabel=panel.options.get("y", value))
    return figure


def _facets(frame: pd.DataFrame, x: str, y: str, label: str) -> Figure:
    """One small picture for each value of the third column, in the order of the table, on the same axes."""
    names = list(frame[label].unique())
    figure, axes = axes_in_rows(len(names), 1.85, columns=4, share=True)
    for axis, name in zip(axes, names, strict=True):
        part = frame[frame[label] == name]
        axis.scatter(part[x], part[y], s=1.5, lw=0, alpha=0.6, color=_LINES[0])
        axis.set_title(str(name), fontsize=8)
        axis.set_aspect("equal")
    return figure


def _images(panel: Panel, array: np.ndarray) -> Figure:
    rows, columns, height, width = array.shape[:4]
    colour = array.shape[4:]  # of nothing, or of 3
    gap = 0 if panel.options.get("tight") else max(1, round(width / 14))
    # between pictures in colour it is white; grey ones have nothing there, whichever way round their scale is
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *colour), 1.0 if colour else np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + gap), column * (width + gap)
            canvas[top : top + height, left : left + width] = array[row, column]
    names, heads = panel.options.get("rows"), panel.options.get("columns")
    beside = max((0.085 * len(name) + 0.1 for name in names or []), default=0.0)  # inches for the names of the rows
    picture = min(8.2 - beside, 1.9 * columns)
    size = (picture + beside + 0.1, picture * canvas.shape[0] / canvas.shape[1] + (0.35 if heads else 0.1))
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    axis.imshow(canvas, cmap="gray_r" if np.nanmean(array) < 0.5 else "gray", vmin=0, vmax=1, interpolation="nearest")
    axis.spines[:].set_visible(False)
    middle_y = [row * (height + gap) + height / 2 - 0.5 for row in range(rows)]
    middle_x = [column * (width + gap) + width / 2 - 0.5 for column in range(columns)]
    axis.set_yticks(middle_y if names else [], names or [])
    axis.set_xticks(middle_x if heads else [], heads or [])
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=8)
    return figure
