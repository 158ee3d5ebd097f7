"""Any file of generated molecules beside a reference; a model is needed only for what it was trained on."""

import json
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from molvae.chemistry.io import read_molecules
from molvae.chemistry.metrics import generated_quality
from molvae.chemistry.molecule import canonical
from molvae.errors import InputError
from molvae.experiments.data import read_dataset
from molvae.molecules.known import known_molecules
from molvae.run.config import Seed
from molvae.run.files import write_text
from molvae.run.panels import Panel, save_panels
from molvae.run.recipe import Context, Recipe, Result
from molvae.weights import DEFAULT_MODEL


class SamplesRecipe(Recipe):
    """A file of generated molecules beside a reference."""

    uses: ClassVar = frozenset({"mirror"})
    kind: Literal["samples"] = "samples"
    samples: str
    """File of molecules, one a row; rows that are none count as invalid."""
    data: str = "zinc250k"
    """The reference: data set name (its test split), or a file."""
    smiles_column: str | None = None
    """Column of both files that holds the SMILES."""
    model: str = DEFAULT_MODEL
    """Whose training set decides on novelty."""
    seed: Seed = 0
    """Of samples of pairs."""

    def execute(self, context: Context) -> Result:
        """Measure the molecules; leaves ``samples.json``.

        Raises:
            InputError: none of the molecules, or none of the reference, is valid.
        """
        self.is_begun(context)
        file = Path(self.samples)
        smiles = read_molecules(file, self.smiles_column).frame["smiles"].astype(str).tolist()
        reference = read_dataset(self.data, "test", self.smiles_column, context.mirror)["smiles"].astype(str).tolist()
        for name, strings in ((file, smiles), (self.data, reference)):
            if not any(canonical(text) for text in strings):
                raise InputError(
                    f"{name}: none of its {len(strings)} rows is a valid SMILES: there is nothing to measure"
                )
        folder = self.open_folder(context)
        numbers = generated_quality(smiles, reference, known_molecules(self.model), self.seed, context.progress)
        write_text(folder / "samples.json", json.dumps(numbers, indent=1))
        table = pd.DataFrame({"what": list(numbers), "value": list(numbers.values())})
        caption = f"{file.name} beside {self.data}; definitions of MOSES (Polykovskiy et al. 2020)."
        save_panels(folder, [Panel("quality", "table", "Quality of the molecules", caption, frame=table)])
        text = "\n".join(f"{name.replace('_', ' '):44s} {number:.4g}" for name, number in numbers.items())
        return Result(folder, text, {"numbers": folder / "samples.json"}, table)
