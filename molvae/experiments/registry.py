"""Every kind of run by name. To add one: a file with a :class:`~molvae.run.recipe.Recipe`, and a line here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molvae.errors import ConfigError, RunFolderError, abbreviate
from molvae.run.config import read_toml
from molvae.run.folder import CONFIG, read_run
from molvae.run.recipe import Recipe
from molvae.run.registry import Registry

_HERE = "molvae.experiments"

KINDS: Registry[type[Recipe]] = Registry(
    "kind of run",
    {
        "design": (f"{_HERE}.design:DesignRecipe", "a design campaign and its baselines"),
        "train": (f"{_HERE}.train:TrainRecipe", "training of a VAE of SMILES"),
        "train_graph": (f"{_HERE}.train_graph:TrainGraphRecipe", "training of a VAE of graphs (junction trees)"),
        "train_language_model": (
            f"{_HERE}.train_language_model:TrainLanguageModelRecipe",
            "training of the GRU over SMILES from which the search reinvent starts",
        ),
        "evaluate": (f"{_HERE}.evaluate:EvaluateRecipe", "evaluation of a molecular VAE"),
        "samples": (f"{_HERE}.samples:SamplesRecipe", "a file of generated molecules beside a reference"),
        "fit": (f"{_HERE}.fit:FitRecipe", "a model of the user's own measurements"),
        "images": (f"{_HERE}.images:ImagesRecipe", "training of a VAE of images"),
        "sketches": (f"{_HERE}.sketches:SketchesRecipe", "training of a VAE of sketches"),
        "images_evaluate": (f"{_HERE}.images_evaluate:ImagesEvaluateRecipe", "evaluation of a VAE of images"),
        "proteins": (f"{_HERE}.proteins:FamilyRecipe", "stage three of a protein VAE: a family"),
        "proteins_evaluate": (
            f"{_HERE}.proteins_evaluate:ProteinsEvaluateRecipe",
            "evaluation of the VAE of a protein family, and its baselines",
        ),
        "proteins_pretrain": (
            f"{_HERE}.proteins_pretrain:PretrainRecipe",
            "stage one of a protein VAE: a transformer on proteins of all kinds",
        ),
        "proteins_compress": (
            f"{_HERE}.proteins_pretrain:CompressRecipe",
            "stage two of a protein VAE: a code of fixed size over the frozen transformer",
        ),
        "study": (f"{_HERE}.study:StudyRecipe", "one study of the lecture (molvae list studies)"),
        "benchmark": (f"{_HERE}.benchmark:BenchmarkRecipe", "strategies against each other under equal budgets"),
        "ablations": (f"{_HERE}.ablations:AblationsRecipe", "variants of a molecular VAE on the same data"),
        "figure4": (f"{_HERE}.figure4:Figure4Recipe", "figure 4 of Gomez-Bombarelli et al. 2018"),
    },
)


def make_recipe(values: Mapping[str, Any]) -> Recipe:
    """The recipe that ``kind`` names, ``design`` if there is none.

    Raises:
        ConfigError: no such kind, an unknown setting, or a value that it cannot have.
    """
    kind = values.get("kind", "design")
    if not isinstance(kind, str):
        raise ConfigError(f"kind is one of {', '.join(KINDS)}, not {abbreviate(str(kind))}")
    return KINDS[kind].create(dict(values))


def read_recipe(path: Path | str) -> Recipe:
    """Read a recipe; an empty file is the default design run.

    Raises:
        ConfigError: not TOML, an unknown kind, an unknown setting, or a value that it cannot have.
    """
    values = read_toml(path)
    try:
        return make_recipe(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def recipe_of_run(folder: Path | str) -> Recipe:
    """The recipe that a run folder records; executed in that folder it goes on.

    Raises:
        RunFolderError: not a run folder, or its settings cannot be used.
    """
    run = read_run(Path(folder))
    try:
        return make_recipe({"kind": run.kind, **run.settings})
    except ConfigError as error:
        raise RunFolderError(f"{Path(folder) / CONFIG} cannot be used: {error}") from None
