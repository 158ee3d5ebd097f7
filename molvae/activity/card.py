"""The card of an activity model: what it was made of, how it was chosen, and how far it can be trusted."""

import math
import platform
from collections.abc import Sequence

import pandas as pd

from molvae.activity.assay import FEWEST, Assay
from molvae.activity.model import DOMAIN_PERCENTILE, ActivityModel
from molvae.activity.pictures import CALIBRATION, PREDICTED
from molvae.activity.validation import SPLITS, Validation, domain_table
from molvae.errors import abbreviate
from molvae.version import __version__

_WIDE = 2.5  # decades of positive values above which logarithms would serve better


def activity_card(
    model: ActivityModel, assay: Assay, validations: Sequence[Validation], source: str, sha256: str
) -> str:
    """Markdown for the README of the model's folder.

    Args:
        model: fitted.
        assay: what it was fitted to.
        validations: of the whole procedure.
        source: name of the file, or what else the measurements are.
        sha256: of the file; empty if there is none.
    """
    h, unit = model.learned_.hyperparameters, f" ({_cell(model.unit)})" if model.unit else ""
    names = f"{len(assay.molecules)} molecules, {len(assay)} measurements"
    origin = f"`{_cell(source)}`" + (f", SHA-256 `{sha256}`" if sha256 else "")
    lines = [
        f"# Model of {_cell(model.target)}",
        "",
        f"A Gaussian process that predicts {_cell(model.target)}{unit}. Made by molvae {__version__} on Python"
        f" {platform.python_version()}.",
        "",
        f"- Measurements: {origin}; {names}, {len(assay.refused)} of {assay.rows} rows left out (`refused.csv` of the"
        " run says which and why). The molecules and their values are in this folder (`training.csv`): who has it, has"
        " them.",
        *[f"- {line}" for line in notes(assay)],
        f"- Kernel: {_kernel(model)}.",
        f"- Noise of one measurement, as learned: {math.sqrt(h.noise):.3g}{_replicates(assay)}.",
        f"- Domain: a molecule is inside if its similarity to the nearest training molecule (MinMax of ECFP4 counts) is"
        f" at least {model.threshold_:.3f}, which all but {DOMAIN_PERCENTILE:g} % of the training molecules reach among"
        " themselves.",
        "",
        "## Validation",
        "",
    ]
    lines += _validation(validations)
    return "\n".join(lines) + "\n"


def notes(assay: Assay) -> list[str]:
    """What a reader of the numbers should know of the measurements."""
    found = []
    censored = int(assay.refused["reason"].str.startswith("censored").sum())
    if censored:
        found.append(
            f"{censored} censored values were left out: the model knows nothing of how weak (or strong) those are."
        )
    positive = bool((assay.values > 0).all())
    if positive and math.log10(float(assay.values.max() / assay.values.min())) > _WIDE:
        found.append(
            "The values span more than two and a half decades: if they are concentrations, model their logarithm"
            " (`--concentration nM`)."
        )
    if len(assay.molecules) < 50:
        found.append("Fewer than 50 molecules: the numbers below are rough, and so are learned noise and domain.")
    return found


def short(value: float) -> str:
    """Three decimals, or three digits of what is too small for them."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}"


def _kernel(model: ActivityModel) -> str:
    h = model.learned_.hyperparameters
    points = f"latent points of `{_cell(model.vae)}`, lengthscale {h.lengthscale:.3g}"
    words = {
        "fingerprint": "fingerprint (MinMax of ECFP4 counts)",
        "latent": f"latent (squared exponential of {points})",
        "sum": f"sum of fingerprint (MinMax of ECFP4 counts, share {h.share:.2f}) and latent ({points})",
    }[model.learned_.kernel]
    if len(model.compared_) == 1:
        return f"{words}, as asked for"
    others = ", ".join(f"{each.kernel} {each.criterion:.3f}" for each in model.compared_)
    return (
        f"{words}; chosen by the leave-one-molecule-out log predictive density of the training rows, in nats a"
        f" measurement: {others}"
    )


def _replicates(assay: Assay) -> str:
    sd, freedom = assay.replicate_sd
    if not freedom:
        return "; no molecule was measured twice, so nothing else says how large it is"
    return f"; repeated measurements differ by {sd:.3g} (pooled standard deviation, {freedom} degrees of freedom)"


def _validation(validations: Sequence[Validation]) -> list[str]:
    if not validations:
        return ["Left out.", ""]
    lines = [
        "Of measurements of molecules that took no part in learning, pooled over folds. In each fold kernel,"
        " hyperparameters and domain were learned again from the other folds; `chosen` is what the data chose there."
        " Of a fold with more than 500 measurements 500 are predicted, and above 2,000 molecules one fold alone."
        " RMSE and MAE in the unit of the target, NLPD (negative log predictive density) in nats a measurement, smaller"
        " is better; of the measurements 50 and 90 % should lie inside the intervals of these probabilities.",
        "",
        *_markdown(pd.concat([validation.table() for validation in validations])),
        "",
    ]
    for validation in validations:
        counts = pd.Series(validation.kernels).value_counts()
        chosen = ", ".join(f"{kernel} in {count}" for kernel, count in counts.items())
        held_out = f"{len(validation.kernels)} fold{'s' if len(validation.kernels) > 1 else ''}"
        note = f" {validation.note}." if validation.note else ""
        lines.append(f"- {validation.name}: {SPLITS[validation.name]} held out, {held_out}; chosen: {chosen}.{note}")
    missing = [name for name in SPLITS if name not in {validation.name for validation in validations}]
    lines += [
        f"- {name}: could not be made, in no fold are {FEWEST} molecules of other scaffolds left to learn from."
        for name in missing
    ]
    return [
        *lines,
        "",
        "The chosen model inside and outside its domain:",
        "",
        *_markdown(domain_table(validations)),
        "",
        f"![predicted against measured]({PREDICTED})",
        f"![calibration]({CALIBRATION})",
    ]


def _markdown(table: pd.DataFrame) -> list[str]:
    rows = [
        ["" if pd.isna(v) else short(v) if isinstance(v, float) else str(v) for v in row] for row in table.to_numpy()
    ]
    head = [str(name) for name in table.columns]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(text: str) -> str:
    """Text of the user, which must not become markup."""
    shown = "".join(character if character.isprintable() and character not in "`|<>[]\\" else " " for character in text)
    return abbreviate(shown, 200)
