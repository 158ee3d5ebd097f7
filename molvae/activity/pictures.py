"""Pictures of a validation for the folder of the model: predicted against measured, and the calibration curve."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from molvae.activity.validation import CHOSEN, Validation, calibration_curve, metrics
from molvae.run.files import atomic_path

PREDICTED, CALIBRATION = "predicted.png", "calibration.png"
_INSIDE, _OUTSIDE = "#0072B2", "#D55E00"  # Okabe & Ito
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # the name of a column is text
}


def draw_predictions(validations: Sequence[Validation], target: str, path: Path) -> None:
    """Predicted against measured of held-out measurements, one square a split, with one standard deviation."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.2 * len(validations), 4.1), layout="constrained")
        axes = figure.subplots(1, len(validations), squeeze=False)[0]
        everything = np.concatenate([v.of(CHOSEN)[["measured", "mean"]].to_numpy().ravel() for v in validations])
        low, high = float(everything.min()), float(everything.max())
        margin = 0.05 * (high - low) or 1.0
        for axis, validation in zip(axes, validations, strict=True):
            chosen = validation.of(CHOSEN)
            for inside, colour, label in ((True, _INSIDE, "inside"), (False, _OUTSIDE, "outside")):
                part = chosen[chosen["in_domain"] == inside]
                style = {"fmt": "o", "ms": 3, "lw": 0.4, "alpha": 0.55, "color": colour, "mew": 0}
                axis.errorbar(part["measured"], part["mean"], yerr=part["sd"], label=f"{label} the domain", **style)
            line = [low - margin, high + margin]
            axis.plot(line, line, color="#777777", lw=1, ls="--")
            numbers = metrics(chosen)
            title = f"{validation.name} split: RMSE {numbers['RMSE']:.3g}, R2 {numbers['R2']:.2f}, n {numbers['n']:.0f}"
            axis.set(xlim=line, ylim=line, xlabel=f"measured {target}", ylabel=f"predicted {target}")
            axis.set_title(title, fontsize=9)
            axis.set_aspect("equal")
        axes[0].legend(loc="upper left")
        _save(figure, path)


def draw_calibration(validations: Sequence[Validation], path: Path) -> None:
    """Share of held-out measurements inside predicted intervals, against the probability of the interval."""
    curve = calibration_curve(validations)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 4.1), layout="constrained")
        axis = figure.subplots()
        axis.plot([0, 1], [0, 1], color="#777777", lw=1, ls="--")
        for name, colour in zip(curve.columns[1:], (_INSIDE, _OUTSIDE), strict=False):
            axis.plot(curve["interval"], curve[name], "o-", ms=3, color=colour, label=name)
        axis.set(xlabel="predicted interval", ylabel="share of measurements inside", xlim=(0, 1), ylim=(0, 1))
        axis.set_aspect("equal")
        axis.legend()
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
