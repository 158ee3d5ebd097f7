"""Figures of a run as SVG text; matplotlib's object interface, no global state, the same bytes for the same run."""

import io
import re
from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from molvae.core.candidates import coverage
from molvae.design.curves import best_so_far as best_values
from molvae.design.curves import mean_of_best
from molvae.report.load import CampaignData

# Okabe & Ito: distinguishable for colour-blind readers
COLOURS = {
    "hybrid": "#D55E00",
    "evolved": "#56B4E9",
    "gpbo": "#000000",
    "latent": "#0072B2",
    "random": "#999999",
    "screening": "#E69F00",
    "gradient": "#CC79A7",
    "genetic": "#009E73",
}
STYLE = {
    "svg.hashsalt": "molvae",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.labelcolor": "#666666",
    "xtick.color": "#777777",
    "ytick.color": "#777777",
    "text.color": "#666666",
    "legend.frameon": False,
}


def best_so_far(main: str, campaigns: Mapping[str, CampaignData], sign: int) -> str:
    """Best and mean of the top 10 against oracle calls, one line a strategy."""
    with matplotlib.rc_context(STYLE):
        figure, axes = axes_in_rows(2, 3.2)
        for name, campaign in campaigns.items():
            utility = sign * campaign.evaluations["score"].to_numpy(float)
            if not len(utility):
                continue
            calls = np.arange(1, len(utility) + 1)
            style = {"color": COLOURS.get(name, "#555555"), "lw": 2.2 if name == main else 1.4}
            axes[0].plot(calls, sign * best_values(utility), label=name, **style)
            axes[1].plot(calls[9:], sign * mean_of_best(utility)[9:], label=name, **style)
            started = int((campaign.evaluations["origin"] == "start").sum())
        for axis, title in zip(axes, ("best so far", "mean of the top 10"), strict=True):
            axis.axvspan(0, started, color="#000000", alpha=0.05, lw=0)
            axis.set(xlabel="oracle calls (shaded: the start)", title=title)
        axes[0].legend()
        return svg(figure)


def latent_map(
    background: tuple[np.ndarray, np.ndarray], asked: pd.DataFrame, scores: pd.Series, objective: str
) -> str:
    """Principal components of the encodings, coloured by the objective, with the scored proposals in their order."""
    z, values = background
    centre = z.mean(0)
    _, singular, components = np.linalg.svd(z - centre, full_matrices=False)
    share = singular**2 / (singular**2).sum()
    flat = (z - centre) @ components[:2].T
    with matplotlib.rc_context(STYLE):
        figure, axes = axes_in_rows(2, 3.6)
        known = np.isfinite(values)  # what an oracle of the user has not scored stays grey
        axes[0].scatter(*flat[~known].T, color="#bbbbbb", s=6, lw=0, alpha=0.5)
        if known.any():
            points = axes[0].scatter(*flat[known].T, c=values[known], s=9, cmap="viridis", lw=0, alpha=0.8)
            figure.colorbar(points, ax=axes[0], label=objective[:40])
        axes[0].set_title("starting file")
        axes[1].scatter(*flat.T, color="#bbbbbb", s=6, lw=0, alpha=0.5)
        if len(asked):
            path = (np.stack(list(asked["z"])) - centre) @ components[:2].T
            steps = axes[1].scatter(*path.T, c=asked["step"].to_numpy(float), s=12, cmap="plasma", lw=0)
            figure.colorbar(steps, ax=axes[1], label="step")
            best = int(np.nanargmax(scores.to_numpy(float))) if scores.notna().any() else 0
            axes[1].scatter(*path[best], marker="*", s=170, color="#D55E00", edgecolor="white", zorder=3, label="best")
            axes[1].legend()
        axes[1].set_title("scored proposals")
        for axis in axes:
            axis.set(xlabel=f"PC 1 ({share[0]:.0%} of variance)", ylabel=f"PC 2 ({share[1]:.0%})")
        return svg(figure)


def calibration(mean: np.ndarray, std: np.ndarray, observed: np.ndarray) -> str:
    """Predicted against observed utility, and how often the observation fell into the predicted intervals."""
    with matplotlib.rc_context(STYLE):
        figure, axes = axes_in_rows(2, 3.2)
        axes[0].errorbar(mean, observed, xerr=std, fmt="o", ms=3, lw=0.5, color=COLOURS["latent"], alpha=0.5)
        low, high = min(mean.min(), observed.min()), max(mean.max(), observed.max())
        axes[0].plot([low, high], [low, high], color="#777777", lw=1, ls="--")
        axes[0].set(xlabel="predicted (± 1 std)", ylabel="observed", title="each proposal")
        levels = np.linspace(0.05, 0.95, 19)
        axes[1].plot(
            levels, [coverage(mean, std, observed, level) for level in levels], "o-", ms=3, color=COLOURS["latent"]
        )
        axes[1].plot([0, 1], [0, 1], color="#777777", lw=1, ls="--")
        axes[1].set(xlabel="predicted interval", ylabel="fraction inside", title="calibration")
        return svg(figure)


def score_distribution(evaluations: pd.DataFrame) -> str:
    """Scores of the start and of the proposals."""
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = axes_in_rows(1, 2.4)
        known = evaluations.dropna(subset="score")
        bins = np.histogram_bin_edges(known["score"].to_numpy(float), 30)
        for is_start, label, colour in ((True, "start", "#999999"), (False, "proposed", COLOURS["latent"])):
            part = known[(known["origin"] == "start") == is_start]["score"]
            if len(part):
                axis.hist(part, bins=bins, alpha=0.65, color=colour, label=f"{label} ({len(part)})")
        axis.set(xlabel="score", ylabel="molecules")
        axis.legend()
        return svg(figure)


def training_curves(metrics: pd.DataFrame) -> str:
    """Every logged number against the epoch; training and validation of one number share a panel."""
    names = [name for name in metrics.columns if name not in ("step", "epoch", "seconds")]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.removeprefix("train_").removeprefix("valid_"), []).append(name)
    with matplotlib.rc_context(STYLE):
        figure, panels = axes_in_rows(len(groups), 1.9, columns=4)
        for axis, (title, members) in zip(panels, groups.items(), strict=True):
            for name in members:
                held_out = name.startswith("valid_")
                label = "held out" if held_out else "training" if name.startswith("train_") else None
                colour = "#D55E00" if held_out else COLOURS["latent"]
                axis.plot(metrics["epoch"], metrics[name], color=colour, lw=1.4, label=label)
            axis.set_title(title.replace("_", " "), fontsize=8)
            if len(members) > 1:
                axis.legend(fontsize=6)
        return svg(figure)


def axes_in_rows(number: int, height: float, columns: int = 2, share: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure as wide as a page, rows of ``height`` inches; its axes have the same scales if they ``share`` them."""
    rows, columns = -(-number // columns), min(columns, number)
    figure = Figure(figsize=(8.4, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).flatten())
    for axis in axes[number:]:
        axis.remove()
    return figure, axes[:number]


def svg(figure: Figure) -> str:
    """SVG text of a figure, the same bytes for the same figure."""
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    return text.replace("<svg ", '<svg role="img" ', 1)
