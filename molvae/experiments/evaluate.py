"""Evaluation of a molecular VAE, of SMILES or of graphs, on held-out molecules."""

import json
from typing import ClassVar, Literal

from molvae.core.pretrained import load_model
from molvae.experiments.data import dataset_file, molecule_data, prepared, source
from molvae.experiments.latent_regression import RegressionConfig, regression_of_model
from molvae.molecules.base import as_molecular
from molvae.molecules.evaluation import EvaluationConfig, evaluate_model, pictures, summary_table
from molvae.molecules.known import known_molecules
from molvae.run.files import write_text
from molvae.run.panels import save_panels
from molvae.run.recipe import Context, Recipe, Result
from molvae.weights import DEFAULT_MODEL


class EvaluateRecipe(Recipe):
    """Evaluation of a molecular VAE."""

    uses: ClassVar = frozenset({"device", "workers", "mirror"})
    kind: Literal["evaluate"] = "evaluate"
    model: str = DEFAULT_MODEL
    """A shipped model or a model folder."""
    data: str = "zinc250k"
    """Data set name (its test split), or a file of molecules."""
    smiles_column: str | None = None
    """Column of the file that holds the SMILES."""
    evaluation: EvaluationConfig = EvaluationConfig()
    regression: RegressionConfig = RegressionConfig()

    def execute(self, context: Context) -> Result:
        """Measure everything; leaves ``evaluation.json`` and pictures."""
        self.is_begun(context)
        model = as_molecular(load_model(self.model, context.device), self.model)
        file = dataset_file(self.data, "test", context.mirror)
        data = prepared(file, model.predictor.names, self.smiles_column, context)
        facts = {"sources": {"held_out": source(data)}, "weights": model.fingerprint()}
        folder = self.open_folder(context, facts)
        held_out, progress = molecule_data(data), context.progress
        result = evaluate_model(model, held_out, self.evaluation, known=known_molecules(self.model), progress=progress)
        measured = held_out.smiles[: self.evaluation.molecules]
        result["gaussian_process"] = regression_of_model(model, measured, self.regression, context.workers, progress)
        write_text(folder / "evaluation.json", json.dumps(result, indent=1))
        save_panels(folder, pictures(model, held_out.smiles, self.evaluation.seed))
        lines = [f"{name:44s} {value}" for name, value in summary_table(result)]
        return Result(folder, "\n".join(lines), {"numbers": folder / "evaluation.json"})
