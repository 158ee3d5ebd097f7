"""Recipes: whole runs as TOML files, and what it takes to execute them.

Each kind of run is one function here: it makes the run folder, does the work and leaves the results in the folder.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.chemistry.io import read_molecules
from molvae.chemistry.metrics import generated_quality
from molvae.chemistry.molecule import canonical
from molvae.chemistry.prepare import PreparedData, prepare
from molvae.chemistry.zinc250k import ZINC250K
from molvae.core.training_set import TrainingSet
from molvae.design.oracle.scorers import LABORATORY
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError, InputError, RunFolderError
from molvae.experiments.ablations import AblationConfig, run_variants
from molvae.experiments.ablations import panels as ablation_panels
from molvae.experiments.benchmark import BenchmarkConfig, run_benchmark
from molvae.experiments.benchmark import panels as benchmark_panels
from molvae.experiments.figure4 import Figure4Config, reproduce
from molvae.experiments.figure4 import panels as figure4_panels
from molvae.experiments.latent_regression import RegressionConfig, regression_of_model
from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.images.datasets import FREYFACES, MNIST, ImageData, load_images
from molvae.images.training import (
    ImageEvaluationConfig,
    ImageTrainConfig,
    check,
    evaluate_images,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE
from molvae.molecules.card import model_card
from molvae.molecules.evaluation import EvaluationConfig, evaluate_model, pictures
from molvae.molecules.known import KNOWN, known_molecules
from molvae.molecules.training import MoleculeData, TrainConfig, train
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config, read_toml
from molvae.run.fetch import RemoteDataset, fetch
from molvae.run.files import write_text
from molvae.run.folder import new_run_name, open_run_folder, read_run
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import Progress, silent
from molvae.weights import DEFAULT_MODEL, SEARCH_MODEL

DATASETS: dict[str, RemoteDataset] = {"zinc250k": ZINC250K, "mnist": MNIST, "freyfaces": FREYFACES}


class _SearchRecipe(Config):
    """What a search with a trained model begins with."""

    input: str | None = None
    """File of molecules; a data set name (zinc250k: its training split); default: RDKit's NCI compounds."""
    smiles_column: str | None = None
    """Column of the file that holds the SMILES."""
    model: str = SEARCH_MODEL
    """A shipped model or a model folder."""


class DesignRecipe(_SearchRecipe):
    """A design campaign."""

    kind: Literal["design"] = "design"
    campaign: CampaignConfig = Field(CampaignConfig(), validate_default=True)

    @field_validator("campaign")
    @classmethod
    def _of_molecules(cls, campaign: CampaignConfig) -> CampaignConfig:
        return campaign.for_domain(MOLECULES)


class TrainRecipe(Config):
    """Training of a molecular VAE."""

    kind: Literal["train"] = "train"
    data: str = "zinc250k"
    """Data set name, or a file of molecules."""
    held_out: str | None = None
    """File for validation; default: the data set's own split, or a twentieth of the file."""
    max_molecules: int | None = None
    """Use only the first molecules of the data."""
    smiles_column: str | None = None
    """Column of the files that holds the SMILES."""
    train: TrainConfig = TrainConfig()


class EvaluateRecipe(Config):
    """Evaluation of a molecular VAE."""

    kind: Literal["evaluate"] = "evaluate"
    model: str = DEFAULT_MODEL
    """A shipped model or a model folder."""
    data: str = "zinc250k"
    """Data set name (its test split), or a file of molecules."""
    smiles_column: str | None = None
    """Column of the file that holds the SMILES."""
    evaluation: EvaluationConfig = EvaluationConfig()
    regression: RegressionConfig = RegressionConfig()


class ImagesRecipe(Config):
    """Training of a VAE of images."""

    kind: Literal["images"] = "images"
    data: str = "digits"
    """digits, mnist, freyfaces or half_rings."""
    train: ImageTrainConfig = ImageTrainConfig()
    evaluation: ImageEvaluationConfig = ImageEvaluationConfig(nll_images=500, nll_samples=500)
    """What is measured at the end; the binarisation is that of the training."""


class StudyRecipe(Config):
    """One study of the lecture: see ``molvae.experiments.studies``."""

    kind: Literal["study"] = "study"
    study: str
    """Its name."""
    data: str | None = None
    """digits, mnist, freyfaces or half_rings; default: the study's own."""
    seed: int = 0
    """Of everything random."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The study's own settings."""

    @model_validator(mode="after")
    def _known(self) -> "StudyRecipe":
        try:
            study_settings(self.study, self.settings)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self


class BenchmarkRecipe(_SearchRecipe):
    """Strategies against each other."""

    kind: Literal["benchmark"] = "benchmark"
    benchmark: BenchmarkConfig = BenchmarkConfig()


class AblationRecipe(Config):
    """Variants of a molecular VAE, trained on the same data."""

    kind: Literal["ablations"] = "ablations"
    data: str = "zinc250k"
    """Data set name, or a file of molecules."""
    max_molecules: int | None = None
    """Use only the first molecules of the data."""
    smiles_column: str | None = None
    """Column of the file that holds the SMILES."""
    ablations: AblationConfig


class Figure4Recipe(_SearchRecipe):
    """Figure 4 of Gomez-Bombarelli et al. 2018."""

    kind: Literal["figure4"] = "figure4"
    figure: Figure4Config = Figure4Config()


Recipe = (
    DesignRecipe
    | TrainRecipe
    | EvaluateRecipe
    | ImagesRecipe
    | StudyRecipe
    | BenchmarkRecipe
    | AblationRecipe
    | Figure4Recipe
)
_KINDS: dict[str, type[Recipe]] = {
    "design": DesignRecipe,
    "train": TrainRecipe,
    "evaluate": EvaluateRecipe,
    "images": ImagesRecipe,
    "study": StudyRecipe,
    "benchmark": BenchmarkRecipe,
    "ablations": AblationRecipe,
    "figure4": Figure4Recipe,
}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; ``kind`` says which it is, and an empty file is the default design run.

    Raises:
        ConfigError: no TOML, an unknown kind, or an unknown setting.
    """
    values = read_toml(path)
    kind = values.get("kind", "design")
    if kind not in _KINDS:
        raise ConfigError(f"{path}: kind is one of {', '.join(_KINDS)}, not {kind!r}")
    return _KINDS[kind].create(values)


def fetch_dataset(name: str, mirror: Path | None, cache: Path | None = None) -> dict[str, Path]:
    """Download a data set by name, or take it from a mirror.

    Raises:
        ConfigError: no such data set.
        DownloadError: it could not be had, or does not match its checksum.
    """
    if name not in DATASETS:
        raise ConfigError(f"no data set {name!r}: there are {', '.join(DATASETS)}")
    return fetch(DATASETS[name], mirror, cache)


# --- design ---------------------------------------------------------------------------------------------------------


def run_design(
    recipe: DesignRecipe, folder: Path | None, device: str, progress: Progress, mirror: Path | None = None
) -> tuple[Path, pd.DataFrame]:
    """Run a campaign and its baselines; returns the run folder and the scored molecules, best first."""
    from molvae.design.campaign import Campaign

    model = MoleculeVAE.from_pretrained(recipe.model, device)
    file = _start_file(recipe.input, mirror)
    start = None if file is None else read_molecules(file, recipe.smiles_column).frame
    campaign = Campaign(model, start=start, folder=folder, config=recipe.campaign, progress=progress)
    return campaign.folder, _finish_design(campaign)


def _start_file(name: str | None, mirror: Path | None) -> Path | None:
    """A file, or the training split of a data set; None: the embedded default."""
    if name is None:
        return None
    return fetch_dataset(name, mirror)["train"] if name in DATASETS else Path(name)


def resume_design(folder: Path, device: str, progress: Progress) -> tuple[Path, pd.DataFrame]:
    """Go on with a campaign and its baselines."""
    from molvae.design.campaign import Campaign

    model = MoleculeVAE.from_pretrained(read_run(folder, "design").settings.get("model", ""), device)
    return folder, _finish_design(Campaign.resume(folder, model, progress=progress))


def _finish_design(campaign: Any) -> pd.DataFrame:
    from molvae.design.outputs import write_outputs

    with campaign:
        campaign.run()
        for name in campaign.config.baselines:
            with campaign.baseline(name) as other:
                other.run()
        return write_outputs(campaign)


# --- a laboratory's campaign ------------------------------------------------------------------------------------------


def suggest_molecules(
    folder: Path,
    number: int,
    start: Path | None,
    smiles_column: str | None,
    settings: dict[str, Any],
    model: str,
    device: str,
) -> pd.DataFrame:
    """Molecules to be measured next; the first call begins the campaign.

    Args:
        folder: of the campaign; made if it does not exist.
        number: how many.
        start: molecules to begin with; rows with a number in a column ``score`` count as measured.
        smiles_column: of that file.
        settings: of the campaign, if it begins.
        model: of the campaign, if it begins.
        device: of the model.

    Raises:
        ConfigError: settings or a start for a campaign that has begun, or a campaign with an oracle of its own.
    """
    from molvae.design.campaign import Campaign

    if (folder / "config.json").exists():
        if settings or start is not None:
            raise ConfigError(f"{folder} has begun: give no start and no settings again")
        with _laboratory(folder, device) as campaign:
            return campaign.ask(number)
    loaded = MoleculeVAE.from_pretrained(model, device)
    frame = None if start is None else read_molecules(start, smiles_column).frame
    measured = None if frame is None or "score" not in frame else frame[frame["score"].notna()]
    size = number if measured is None or measured.empty else len(measured)
    config = CampaignConfig.create({"oracle": LABORATORY, "budget": 100_000, "start_size": size, **settings})
    chosen = frame if measured is None or measured.empty else measured
    with Campaign(loaded, start=chosen, folder=folder, config=config, progress=silent) as campaign:
        if measured is not None and len(measured):
            campaign.tell(measured)
        return campaign.ask(number)


def tell_results(
    folder: Path, file: Path, smiles_column: str | None, score_column: str, device: str
) -> tuple[pd.DataFrame, int]:
    """Take in measured scores; returns a row for each of the file, and how many molecules are still awaited.

    Raises:
        ConfigError: the campaign has an oracle of its own.
        InputError: the file has no column of scores.
    """
    from molvae.design.outputs import write_outputs

    frame = read_molecules(file, smiles_column).frame
    if score_column not in frame:
        raise InputError(f"{file} has no column {score_column!r}; its columns: {', '.join(map(str, frame.columns))}")
    with _laboratory(folder, device) as campaign:
        told = campaign.tell(frame.assign(score=frame[score_column]))
        write_outputs(campaign)
        told.insert(0, "line", frame["line"].to_numpy())
        return told, len(campaign.pending)


def _laboratory(folder: Path, device: str) -> Any:
    from molvae.design.campaign import Campaign

    settings = read_run(folder, "design").settings
    if settings.get("campaign", {}).get("oracle") != LABORATORY:
        raise ConfigError(f"{folder} has an oracle of its own: go on with 'molvae design --resume {folder}'")
    model = MoleculeVAE.from_pretrained(settings.get("model", ""), device)
    return Campaign.resume(folder, model, progress=silent)


# --- comparison -----------------------------------------------------------------------------------------------------


def run_benchmark_recipe(
    recipe: BenchmarkRecipe, folder: Path | None, device: str, progress: Progress, mirror: Path | None = None
) -> tuple[Path, pd.DataFrame]:
    """Run the benchmark, or go on with it if the folder holds one; returns the folder and a row for each campaign.

    Raises:
        RunFolderError: the folder holds another run.
        ConfigError: it was begun with other settings.
    """
    folder = folder or new_run_name("benchmark")
    settings = recipe.model_dump(mode="json", exclude={"kind"})
    if (folder / "config.json").exists():
        if read_run(folder, "benchmark").settings != settings:
            raise ConfigError(f"{folder} was begun with other settings: choose another folder")
    else:
        open_run_folder(folder, "benchmark", settings, min(recipe.benchmark.seeds))
    start = _start_file(recipe.input, mirror)
    if start is not None and not start.is_file():
        raise InputError(f"there is no file {start}")
    rows = run_benchmark(recipe.benchmark, recipe.model, start, folder, recipe.smiles_column, device, progress)
    save_panels(folder, benchmark_panels(rows))
    rows = rows.drop(columns=["curve", "best molecules"])
    write_text(folder / "table.csv", rows.to_csv(index=False))
    return folder, rows


def run_figure4(
    recipe: Figure4Recipe, folder: Path | None, device: str, progress: Progress, mirror: Path | None
) -> Path:
    """Reproduce the figure; returns the run folder.

    Raises:
        InputError: the file has fewer than 20 molecules that RDKit can read.
    """
    model = MoleculeVAE.from_pretrained(recipe.model, device)
    file = _start_file(recipe.input, mirror)
    table = nci_molecules() if file is None else read_molecules(file, recipe.smiles_column).frame
    wanted = table["smiles"].astype(str).sample(frac=1, random_state=recipe.figure.seed)[: 2 * recipe.figure.pool]
    smiles = [text for text in map(canonical, wanted) if text is not None]
    if len(smiles) < 20:
        raise InputError(f"the figure needs at least 20 molecules, not {len(smiles)}")
    settings = recipe.model_dump(mode="json", exclude={"kind"})
    folder = open_run_folder(folder or new_run_name("figure4"), "figure4", settings, recipe.figure.seed)
    found = reproduce(model, smiles, recipe.figure, progress)
    save_panels(folder, figure4_panels(found))
    write_text(folder / "percentiles.csv", found.percentiles.to_csv(index=False))
    return folder


# --- training -------------------------------------------------------------------------------------------------------


def run_training(
    recipe: TrainRecipe,
    folder: Path | None,
    device: str,
    num_workers: int,
    mirror: Path | None,
    progress: Progress,
    tensorboard: bool,
) -> Path:
    """Prepare the data, train, and leave ``model/`` in the run folder; returns the folder."""
    folder = folder or new_run_name("train")
    training, held_out, sources = _training_data(recipe, num_workers, mirror, progress)
    settings = {**recipe.model_dump(mode="json", exclude={"kind"}), "sources": sources}
    open_run_folder(folder, "train", settings, recipe.train.fit.seed)
    return _train(recipe, training, held_out, sources, folder, device, progress, tensorboard)


def resume_training(
    folder: Path, device: str, num_workers: int, mirror: Path | None, progress: Progress, tensorboard: bool
) -> Path:
    """Go on with a training run.

    Raises:
        ConfigError: the data is no longer what the run began with.
    """
    settings = read_run(folder, "train").settings
    began_with = settings.pop("sources")
    recipe = TrainRecipe.create(settings)
    training, held_out, sources = _training_data(recipe, num_workers, mirror, progress)
    if sources != began_with:
        raise ConfigError(f"the data has changed since {folder} began: {began_with} then, {sources} now")
    return _train(recipe, training, held_out, sources, folder, device, progress, tensorboard)


def _train(
    recipe: TrainRecipe,
    training: MoleculeData,
    held_out: MoleculeData,
    sources: dict[str, Any],
    folder: Path,
    device: str,
    progress: Progress,
    tensorboard: bool,
) -> Path:
    on_log = _tensorboard(folder) if tensorboard else None
    model = train(recipe.train, training, held_out, folder, device, progress, on_log)
    model.card = model_card(recipe.model_dump(mode="json"), sources, folder)
    TrainingSet.build(training.smiles, folder / "model" / KNOWN)
    model.save_pretrained(folder / "model", half=True, extra_files=(KNOWN,))
    return folder


def _tensorboard(folder: Path) -> Any:
    from molvae.errors import MissingDependencyError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependencyError('TensorBoard is not installed: pip install "molvae[tensorboard]"') from None
    writer = SummaryWriter(folder / "tensorboard")

    def on_log(step: int, row: dict[str, float]) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return on_log


def _training_data(
    recipe: TrainRecipe, num_workers: int, mirror: Path | None, progress: Progress
) -> tuple[MoleculeData, MoleculeData, dict[str, Any]]:
    names = recipe.train.model.properties
    if recipe.data in DATASETS:
        files = fetch_dataset(recipe.data, mirror)
        train_file: Path = files["train"]
        held_out_file: Path | None = files["valid"]
    else:
        train_file = Path(recipe.data)
        held_out_file = Path(recipe.held_out) if recipe.held_out else None
    prepared = prepare(
        train_file, properties=names, smiles_column=recipe.smiles_column, num_workers=num_workers, progress=progress
    )
    sources = {"train": _source(prepared)}
    if held_out_file is not None:
        other = prepare(
            held_out_file,
            properties=names,
            smiles_column=recipe.smiles_column,
            num_workers=num_workers,
            progress=progress,
        )
        sources["held_out"] = _source(other)
        training, held_out = _data(prepared, recipe.max_molecules), _data(other, None)
    else:
        training, held_out = _split(_data(prepared, recipe.max_molecules))
    return training, held_out, sources


def _data(prepared: PreparedData, limit: int | None) -> MoleculeData:
    if limit is None or limit >= len(prepared):
        return MoleculeData(prepared, prepared.properties)  # both stay on disk, memory-mapped
    return MoleculeData(prepared[:limit], np.asarray(prepared.properties[:limit]))


def _split(data: MoleculeData) -> tuple[MoleculeData, MoleculeData]:
    """Every twentieth molecule is held out."""
    number = len(data.smiles)
    rows = np.arange(number)
    away = rows % 20 == 19 if number >= 20 else rows == number - 1
    training, held_out = (
        MoleculeData([data.smiles[int(row)] for row in part], data.properties[part])
        for part in (np.flatnonzero(~away), np.flatnonzero(away))
    )
    return training, held_out


def _source(prepared: PreparedData) -> dict[str, Any]:
    return {"file": prepared.source_name, "sha256": prepared.source_sha256, **prepared.counts}


def run_ablations(
    recipe: AblationRecipe, folder: Path | None, device: str, num_workers: int, mirror: Path | None, progress: Progress
) -> tuple[Path, pd.DataFrame]:
    """Train the variants of a recipe; the same folder again goes on where it was cut off.

    Raises:
        RunFolderError: the folder holds a run with other settings.
    """
    folder = folder or new_run_name("ablations")
    settings = recipe.model_dump(mode="json", exclude={"kind"})
    if (folder / "config.json").exists():
        if read_run(folder, "ablations").settings != settings:
            raise RunFolderError(f"{folder} was run with other settings: choose another folder")
    else:
        open_run_folder(folder, "ablations", settings, recipe.ablations.base.fit.seed)
    source = TrainRecipe(
        data=recipe.data,
        max_molecules=recipe.max_molecules,
        smiles_column=recipe.smiles_column,
        train=recipe.ablations.base,
    )
    training, held_out, _ = _training_data(source, num_workers, mirror, progress)
    table = run_variants(recipe.ablations, training, held_out, folder / "variants", device, progress)
    save_panels(folder, ablation_panels(table))
    return folder, table


# --- evaluation -----------------------------------------------------------------------------------------------------


def run_evaluation(
    recipe: EvaluateRecipe, folder: Path | None, device: str, num_workers: int, mirror: Path | None, progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """Evaluate a model on held-out molecules; returns the run folder and the numbers."""
    model = MoleculeVAE.from_pretrained(recipe.model, device)
    file = fetch_dataset(recipe.data, mirror)["test"] if recipe.data in DATASETS else Path(recipe.data)
    prepared = prepare(
        file,
        properties=model.predictor.names,
        smiles_column=recipe.smiles_column,
        num_workers=num_workers,
        progress=progress,
    )
    folder = folder or new_run_name("evaluate")
    settings = {**recipe.model_dump(mode="json", exclude={"kind"}), "sources": {"held_out": _source(prepared)}}
    open_run_folder(folder, "evaluate", settings, recipe.evaluation.seed)
    known = known_molecules(recipe.model)
    held_out = _data(prepared, None)
    result = evaluate_model(model, held_out, recipe.evaluation, known=known, progress=progress)
    result["gaussian_process"] = regression_of_model(model, held_out.smiles, recipe.regression, num_workers, progress)
    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    save_panels(folder, pictures(model, held_out.smiles, recipe.evaluation.seed))
    return folder, result


def evaluate_samples(
    file: Path,
    reference: str,
    model: str,
    folder: Path | None,
    smiles_column: str | None,
    mirror: Path | None,
    seed: int,
    progress: Progress,
) -> tuple[Path, dict[str, float]]:
    """Measure a file of generated molecules against a reference; needs a model only for what it was trained on.

    Args:
        file: one molecule a row; rows that are none count as invalid.
        reference: data set name (its test split), or a file.
        model: whose training set decides on novelty.
        folder: run folder.
        smiles_column: of both files.
        mirror: of the data set.
        seed: of samples of pairs.
        progress: told how far it has come.
    """
    smiles = read_molecules(file, smiles_column).frame["smiles"].astype(str).tolist()
    other = fetch_dataset(reference, mirror)["test"] if reference in DATASETS else Path(reference)
    against = read_molecules(other, None if reference in DATASETS else smiles_column).frame["smiles"].astype(str)
    settings = {"samples": str(file), "reference": reference, "model": model}
    folder = open_run_folder(folder or new_run_name("samples"), "samples", settings, seed)
    numbers = generated_quality(smiles, against.tolist(), known_molecules(model), seed, progress)
    write_text(folder / "samples.json", json.dumps(numbers, indent=1))
    frame = pd.DataFrame({"what": list(numbers), "value": list(numbers.values())})
    caption = f"{file.name} beside {reference}; definitions of MOSES (Polykovskiy et al. 2020)."
    save_panels(folder, [Panel("quality", "table", "Quality of the molecules", caption, frame=frame)])
    return folder, numbers


# --- images ---------------------------------------------------------------------------------------------------------


def run_images(
    recipe: ImagesRecipe,
    folder: Path | None,
    device: str,
    mirror: Path | None,
    progress: Progress,
    tensorboard: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Train a VAE of images and measure it; returns the run folder, with ``model/`` in it, and the numbers."""
    check(recipe.train)
    data = load_images(recipe.data, mirror)
    folder = open_run_folder(
        folder or new_run_name("images"),
        "images",
        recipe.model_dump(mode="json", exclude={"kind"}),
        recipe.train.fit.seed,
    )
    return _images(recipe, data, folder, device, progress, tensorboard)


def resume_images(
    folder: Path, device: str, mirror: Path | None, progress: Progress, tensorboard: bool = False
) -> tuple[Path, dict[str, Any]]:
    """Go on with the training of a VAE of images."""
    recipe = ImagesRecipe.create(read_run(folder, "images").settings)
    return _images(recipe, load_images(recipe.data, mirror), folder, device, progress, tensorboard)


def _images(
    recipe: ImagesRecipe, data: ImageData, folder: Path, device: str, progress: Progress, tensorboard: bool
) -> tuple[Path, dict[str, Any]]:
    on_log = _tensorboard(folder) if tensorboard else None
    model = train_images(recipe.train, data, folder, device, progress, on_log)
    model.save_pretrained(folder / "model")
    save_panels(folder, training_panels(model, data, recipe.train))
    evaluation = recipe.evaluation.model_copy(update={"binarisation": recipe.train.binarisation})
    result = evaluate_images(model, data, evaluation, progress)
    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    return folder, result


def evaluate_image_model(
    model: Path,
    data: str,
    config: ImageEvaluationConfig,
    folder: Path | None,
    device: str,
    mirror: Path | None,
    progress: Progress,
) -> tuple[Path, dict[str, Any]]:
    """Measure a trained VAE of images on the test part of a data set; returns the run folder and the numbers."""
    loaded = ImageVAE.from_pretrained(model, device)
    images = load_images(data, mirror)
    if images.shape != loaded.shape:
        raise ConfigError(f"{model} is a model of images {loaded.shape}; those of {data} are {images.shape}")
    folder = open_run_folder(
        folder or new_run_name("images-evaluate"),
        "images-evaluate",
        {"model": str(model), "data": data, "evaluation": config.model_dump(mode="json")},
        config.seed,
    )
    result = evaluate_images(loaded, images, config, progress)
    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    return folder, result


def run_study_recipe(recipe: StudyRecipe, folder: Path | None, mirror: Path | None, progress: Progress) -> Path:
    """Compute a study and keep its tables and pictures; returns the run folder."""
    settings = study_settings(recipe.study, recipe.settings)
    data = load_images(recipe.data or STUDIES[recipe.study].data, mirror)
    folder = open_run_folder(
        folder or new_run_name(recipe.study),
        "study",
        {"study": recipe.study, "data": data.name, "seed": recipe.seed, "settings": settings.model_dump(mode="json")},
        recipe.seed,
    )
    save_panels(folder, run_study(recipe.study, settings, data, recipe.seed, "auto", progress))
    return folder
