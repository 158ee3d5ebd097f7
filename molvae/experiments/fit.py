"""The model of an assay table: read, compared, validated, kept in a folder."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from molvae.activity.assay import CONCENTRATIONS, FEWEST, Assay, read_assay
from molvae.activity.card import activity_card, notes, short
from molvae.activity.features import Features, featurise
from molvae.activity.model import ActivityModel
from molvae.activity.pictures import CALIBRATION, PREDICTED, draw_calibration, draw_predictions
from molvae.activity.process import KERNELS
from molvae.activity.validation import CHOSEN, Validation, calibration_curve, domain_table, validate
from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.tables import score_table
from molvae.design.objective import Objective
from molvae.errors import ConfigError, InputError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config, Seed, one_of
from molvae.run.files import write_text
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import Progress, silent
from molvae.run.recipe import Context, Recipe, Result
from molvae.weights import DEFAULT_MODEL

MODEL, REFUSED, ASSAY = "model", "refused.csv", "assay.csv"


class SimulatedAssay(Config):
    """Measurements made on the spot: a formula over embedded molecules (RDKit's NCI set), with noise added.

    No assay ships. This one serves trials, and tests whether a known noise is found.
    """

    formula: str = "5 + aromatic_rings - TPSA/50 - abs(logP - 2)/2"
    """What is measured."""
    noise: float = Field(0.3, ge=0, le=1e6)
    """Standard deviation of the normal noise of each measurement."""
    molecules: int = Field(500, ge=FEWEST, le=5000)
    """How many are drawn."""
    replicates: int = Field(50, ge=0, le=100_000)
    """Measurements that are made again, of molecules drawn among them."""
    seed: Seed = 0
    """Of the molecules and of the noise."""

    def table(self) -> pd.DataFrame:
        """``smiles`` and ``activity``, a row for each measurement.

        Raises:
            InputError: the formula has a value for too few of the molecules.
        """
        rng = np.random.default_rng(self.seed)
        molecules = dict.fromkeys(m for m, _ in map(Molecule.parse, nci_molecules()["smiles"]) if m is not None)
        smiles = [molecule.smiles for molecule in molecules]
        drawn = [smiles[row] for row in rng.permutation(len(smiles))]
        objective = Objective.parse(self.formula, domain=MOLECULES)
        scored = score_table(pd.DataFrame({"smiles": drawn[: 2 * self.molecules]}), objective, 1, silent)
        known = scored[np.isfinite(scored["score"])].head(self.molecules)
        if len(known) < FEWEST:
            raise InputError(
                f"the simulated formula {self.formula!r} has a finite value for {len(known)} of {len(scored)}"
                f" molecules; a model needs {FEWEST}: give another formula"
            )
        again = known.iloc[rng.integers(0, len(known), self.replicates)]
        rows = pd.concat([known, again], ignore_index=True)
        values = rows["score"].to_numpy() + self.noise * rng.standard_normal(len(rows))
        return pd.DataFrame({"smiles": rows["smiles"], "activity": values.round(4)})


class FitRecipe(Recipe):
    """A model of the user's own measurements, which an objective names: ``model('runs/fit')``."""

    uses: ClassVar = frozenset({"device"})
    kind: Literal["fit"] = "fit"
    data: str | None = None
    """Table of molecules and measurements; default: ``simulated``."""
    target: str = "activity"
    """Column of the measurements."""
    unit: str = ""
    """Of the measurements, in words; for the record."""
    concentration: Annotated[str, one_of(CONCENTRATIONS)] | None = None
    """If the measurements are amounts in this unit (IC50, Ki): model -log10 of them in mol/L."""
    smiles_column: str | None = None
    """Column that holds the SMILES."""
    kernel: Annotated[str, one_of(("auto", *KERNELS))] = "auto"
    """What molecules are compared by; ``auto`` lets the data choose."""
    model: str = DEFAULT_MODEL
    """Shipped model or model folder that gives the latent points."""
    folds: int = Field(5, ge=0, le=100)
    """Of each split of the validation; 0 leaves the validation out."""
    seed: Seed = 0
    """Of the random split, and of samples where a table is large."""
    simulated: SimulatedAssay = SimulatedAssay()
    """What is measured if there is no table."""

    @model_validator(mode="after")
    def _one_fold_is_none(self) -> "FitRecipe":
        if self.folds == 1:
            raise ValueError("folds: one fold leaves nothing to learn from; give two or more, or 0 for no validation")
        return self

    def execute(self, context: Context) -> Result:
        """Learn and validate; leaves ``model/`` and ``refused.csv`` in the run folder.

        Raises:
            InputError: the table cannot be used, or has too few usable rows.
        """
        self.is_begun(context)
        if self.data is None:
            table = self.simulated.table()
            folder = self.open_folder(context)
            write_text(folder / ASSAY, table.to_csv(index=False))
            assay, source, checksum = self._read(folder / ASSAY, context.progress), "simulated", ""
        else:
            path = Path(self.data)
            assay, source = self._read(path, context.progress), path.name
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
            folder = self.open_folder(context, {"sha256": checksum})
        write_text(folder / REFUSED, assay.refused.to_csv(index=False))
        model = ActivityModel(self.kernel, self.model, seed=self.seed, device=context.device)
        model.target, model.unit = assay.target, assay.unit
        features = self._features(assay, context)
        smiles = [molecule.smiles for molecule in assay.molecules]
        model.fit_features(smiles, features, assay.values, assay.molecule)
        validations = self._validate(assay, features, model, context.progress)
        model.card = activity_card(model, assay, validations, source, checksum)
        place, pictures = folder / MODEL, []
        if validations:
            place.mkdir(exist_ok=True)
            draw_predictions(validations, model.target, place / PREDICTED)
            draw_calibration(validations, place / CALIBRATION)
            pictures = [PREDICTED, CALIBRATION]
        model.save(place, pictures)
        save_panels(folder, _panels(model, assay, validations))
        write_text(folder / "validation.json", json.dumps(_numbers(model, assay, validations), indent=1))
        files = {"model": place, "card": place / "README.md", "refused": folder / REFUSED}
        return Result(folder, _text(model, assay, validations, folder), files, _table(validations))

    def _read(self, path: Path, progress: Progress) -> Assay:
        return read_assay(path, self.target, self.smiles_column, self.unit, self.concentration, progress)

    def _features(self, assay: Assay, context: Context) -> Features:
        vae = None if self.kernel == "fingerprint" else MoleculeVAE.from_pretrained(self.model, context.device)
        features = featurise([molecule.mol for molecule in assay.molecules], vae, context.progress)
        if self.kernel == "latent" and features.z is not None and np.isnan(features.z).any(1).mean() > 0.5:
            raise ConfigError(
                f"{self.model} can hold fewer than half of the molecules, so kernel latent would know nothing of most:"
                " take auto or fingerprint, or another model"
            )
        return features

    def _validate(self, assay: Assay, features: Features, model: ActivityModel, progress: Progress) -> list[Validation]:
        if not self.folds:
            return []
        scaffolds = [MOLECULES.scaffold(molecule) for molecule in assay.molecules]
        kernels = KERNELS if self.kernel == "auto" else (self.kernel,)
        return validate(
            features,
            scaffolds,
            assay.values,
            assay.molecule,
            kernels,
            model.limits,
            self.folds,
            self.seed,
            progress,
        )


def _table(validations: list[Validation]) -> pd.DataFrame | None:
    return pd.concat([each.table() for each in validations], ignore_index=True) if validations else None


def _numbers(model: ActivityModel, assay: Assay, validations: list[Validation]) -> dict[str, object]:
    table = _table(validations)
    return {
        "molecules": len(assay.molecules),
        "measurements": len(assay),
        "refused": len(assay.refused),
        "kernels": {each.kernel: each.criterion for each in model.compared_},
        "noise_sd": model.noise_sd_,
        "replicate_sd": assay.replicate_sd[0] if assay.replicate_sd[1] else None,
        "domain_threshold": model.threshold_,
        "validation": [] if table is None else json.loads(table.to_json(orient="records")),
        "domain": json.loads(domain_table(validations).to_json(orient="records")) if validations else [],
    }


def _text(model: ActivityModel, assay: Assay, validations: list[Validation], folder: Path) -> str:
    lines = [
        f"{model.target}: {len(assay.molecules)} molecules, {len(assay)} measurements,"
        f" {len(assay.refused)} of {assay.rows} rows left out",
        *notes(assay),
        f"kernel {model.learned_.kernel}, noise of a measurement {model.noise_sd_:.3g}",
    ]
    table = _table(validations)
    if table is not None:
        shown = table[table["method"].isin((CHOSEN, "mean", "nearest neighbour"))]
        lines += ["", shown.to_string(index=False, float_format=short, na_rep="")]
    lines += ["", f"in an objective: --objective \"model('{folder}') + 0.5*QED\""]
    return "\n".join(lines)


def _panels(model: ActivityModel, assay: Assay, validations: list[Validation]) -> list[Panel]:
    """What the report of the run shows."""
    table = _table(validations)
    if table is None:
        return []
    panels = [
        Panel(
            "validation",
            "table",
            f"Validation of {model.target}",
            "Held-out measurements, pooled over folds; in each fold everything was learned again from the others."
            " 'chosen' is what the data chose there. NLPD in nats a measurement, smaller is better.",
            table.round(4),
        )
    ]
    for validation in validations:
        chosen = validation.of(CHOSEN)
        frame = pd.DataFrame(
            {
                "measured": chosen["measured"],
                "predicted": chosen["mean"],
                "domain": np.where(chosen["in_domain"], "inside the domain", "outside the domain"),
            }
        )
        caption = "Held-out measurements against what was predicted of them by the chosen model."
        title = f"Predicted against measured, {validation.name} split"
        options = {"x": f"measured {model.target}", "y": f"predicted {model.target}", "aspect": "auto"}
        panels.append(Panel(f"{validation.name}-split", "scatter", title, caption, frame, options=options))
    return [
        *panels,
        Panel(
            "calibration",
            "lines",
            "Calibration",
            "Share of held-out measurements inside the central predictive interval of each probability; the diagonal is"
            " what it should be.",
            calibration_curve(validations).assign(ideal=lambda frame: frame["interval"]),
            options={"x": "predicted interval", "y": "share inside"},
        ),
        Panel(
            "domain",
            "table",
            "Inside and outside the domain",
            "Inside: similarity to the nearest training molecule (MinMax of ECFP4 counts) of at least the 5th"
            f" percentile among the training molecules themselves, {model.threshold_:.3f} of the final model.",
            domain_table(validations).round(4),
        ),
    ]
