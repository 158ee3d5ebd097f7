"""Semi-supervised learning: test error against the number of labels, beside what needs no generative model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.fit import FitConfig, Objective, fit
from molvae.core.schedules import in_steps
from molvae.errors import InputError
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import binarise
from molvae.images.classifiers import error_of, train_classifier
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.self_training import SelfTrainingConfig, self_training_objective
from molvae.images.semi_supervised import (
    M2,
    CodeM2Config,
    ErrorValidator,
    M2Config,
    SemiBatches,
    draw_labelled,
    label_spreading_error,
    m2_objective,
    support_vector_error,
)
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress, silent, track
from molvae.run.trainings import training_folder

PUBLISHED: dict[str, dict[str, dict[int, float]]] = {
    "mnist": {
        "M1+TSVM (paper)": {100: 11.82, 600: 5.72, 1000: 4.24, 3000: 3.49},
        "M2 (paper)": {100: 11.97, 600: 4.94, 1000: 3.60, 3000: 3.92},
        "M1+M2 (paper)": {100: 3.33, 600: 2.59, 1000: 2.40, 3000: 2.18},
        "M2 (Pyro)": {100: 6.81, 600: 5.63, 1000: 5.13, 3000: 4.18},
    },
    "svhn": {
        "KNN (paper)": {1000: 77.93},
        "TSVM (paper)": {1000: 66.55},
        "M1+KNN (paper)": {1000: 65.63},
        "M1+TSVM (paper)": {1000: 54.33},
        "M1+M2 (paper)": {1000: 36.02},
    },
}
"""Test error in percent by data set: Kingma et al. 2014, tables 1 and 2, and the example of Pyro's documentation."""


METHODS = (
    *("pixel SVM", "label spreading", "CNN", "self-training", "M1+SVM", "M1+label spreading"),
    *("M2", "M1+M2", "MLP of M2", "MLP of M1+M2"),
)


class LabelsConfig(Config):
    """The table of test errors."""

    labels: tuple[Count, ...] = (50, 100, 300)
    """Numbers of labelled images."""
    balanced: bool = True
    """The same number of each class; false where classes are too rare for that."""
    seeds: int = Field(3, ge=1, le=1000)
    """Draws of the labelled images for each."""
    methods: tuple[Annotated[str, one_of(METHODS)], ...] = METHODS
    """The last two train the classifier of M2 with all its terms but the bounds."""
    m1: ImageTrainConfig = ImageTrainConfig(
        model=ImageVAEConfig(network=NetworkConfig(hidden_size=500, depth=2, activation="softplus"))
    )
    m2: M2Config = M2Config()
    m1m2: CodeM2Config = CodeM2Config()
    cnn: NetworkConfig = NetworkConfig(kind="cnn", activation="relu")
    cnn_fit: FitConfig = FitConfig(epochs=60)
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    graph: Count = 5000
    """Unlabelled images among which labels spread, beside all test images; time grows with the square."""
    styles: Count = 8
    """Test images whose style M2 draws in every class."""


Method = Callable[[Tensor, int], float]
"""Rows of the labelled images, seed -> test error."""


def run(config: LabelsConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Every method on the very same labelled images; M1 is trained once, without labels."""

    def m2(settings: M2Config, images: ImageSplit, test: ImageSplit, more: Tensor | None = None) -> Method:
        everything = _with(images, more)
        return lambda rows, number: train_m2(settings, everything, images[rows], test, number, device)[1]

    kept: dict[int, M2] = {}  # the first model for each number of labels

    def m2_of_images(rows: Tensor, number: int) -> float:
        model, error = train_m2(
            config.m2, _with(data.train, data.unlabelled), data.train[rows], data.test, number, device
        )
        kept.setdefault(len(rows), model)
        return error

    def alone(settings: M2Config) -> M2Config:
        return settings.model_copy(update={"bound_weight": 0.0})

    methods: dict[str, Method] = {
        "pixel SVM": lambda rows, number: _svm(data.train[rows], data.test),
        "label spreading": lambda rows, number: _spread(data.train, data.test, rows, config.graph),
        "CNN": lambda rows, number: _cnn(config, data, rows, number, device),
        "self-training": lambda rows, number: _self_trained(config.self_training, data, rows, number, device),
        "M2": m2_of_images,
        "MLP of M2": m2(alone(config.m2), data.train, data.test, data.unlabelled),
    }
    if any("M1" in name for name in config.methods):
        all_images = replace(data, train=ImageSplit(_with(data.train, data.unlabelled).pixels))
        codes = _Codes(trained(config.m1, all_images, seed, device, progress), data)
        methods |= {
            "M1+SVM": lambda rows, number: _svm(codes.train[rows], codes.test),
            "M1+label spreading": lambda rows, number: _spread(codes.train, codes.test, rows, config.graph),
            "M1+M2": m2(config.m1m2, codes.train, codes.test, codes.unlabelled),
            "MLP of M1+M2": m2(alone(config.m1m2), codes.train, codes.test, codes.unlabelled),
        }
    rows: list[dict[str, Any]] = []
    plan = [(name, n, s) for name in config.methods for n in config.labels for s in range(config.seeds)]
    for name, number, label_seed in track(plan, "semi-supervised table", progress=progress):
        labelled = draw_labelled(data.train, number, data.classes, label_seed, config.balanced)
        error = methods[name](labelled, seed + label_seed)
        rows.append({"method": name, "labels": number, "label seed": label_seed, "error": 100 * error})
    return [*_tables(pd.DataFrame(rows), data), *([_styles(kept[min(kept)], config, data, seed)] if kept else [])]


STUDY = Study(LabelsConfig, run)


def _spread(train: ImageSplit, test: ImageSplit, rows: Tensor, number: int) -> float:
    assert train.labels is not None and test.labels is not None
    others = torch.ones(len(train), dtype=torch.bool)
    others[rows] = False
    unlabelled = train.pixels[others][:number]
    return label_spreading_error(train.pixels[rows], train.labels[rows], unlabelled, test.pixels, test.labels)


def _with(images: ImageSplit, more: Tensor | None) -> ImageSplit:
    """Images with more of them, whose classes are -1: none."""
    if more is None or images.labels is None:
        return images
    nobody = torch.full((len(more),), -1)
    return ImageSplit(torch.cat([images.pixels, more]), torch.cat([images.labels, nobody]))


def train_m2(
    config: M2Config,
    unlabelled: ImageSplit,
    labelled: ImageSplit,
    test: ImageSplit,
    seed: int,
    device: str = "auto",
    progress: Progress = silent,
) -> tuple[M2, float]:
    """Train an M2 model; returns it and its test error."""
    return _fitted(config, m2_objective(config), unlabelled, labelled, test, seed, device, progress)


def _fitted(
    config: M2Config,
    objective: Objective,
    unlabelled: ImageSplit,
    labelled: ImageSplit,
    test: ImageSplit,
    seed: int,
    device: str,
    progress: Progress = silent,
) -> tuple[M2, float]:
    assert unlabelled.labels is not None
    classes = int(unlabelled.labels.max()) + 1
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"seed": seed})})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = M2(config, unlabelled.shape, classes)
    model.vae.set_mean(unlabelled.pixels)
    batches = SemiBatches(labelled, unlabelled, config)
    validate = ErrorValidator(test, config.binarisation)
    with training_folder() as folder:
        fit(model, batches, objective, config.fit, folder, validate, device, progress)
    return model, validate(model, 0)["error"]


def _self_trained(config: SelfTrainingConfig, data: ImageData, rows: Tensor, seed: int, device: str) -> float:
    settings, everything = config.as_m2(), _with(data.train, data.unlabelled)
    steps = settings.fit.steps(range(-(-len(everything) // settings.batch_size)))
    objective = self_training_objective(in_steps(config, steps))
    return _fitted(settings, objective, everything, data.train[rows], data.test, seed, device)[1]


class _Codes:
    """The codes of M1 as data sets of shape (1, 1, D): posterior means, active dimensions only.

    Dimensions that say nothing are left out rather than scaled up: a classifier would take their noise for signal.
    """

    def __init__(self, m1: ImageVAE, data: ImageData) -> None:
        # codes of the grey images: the mean of what binary draws would give, without their noise
        codes = m1.encode(data.train.pixels)
        self.active = codes.var(0) > 0.01
        if not self.active.any():
            raise InputError("M1 tells nothing of the images (no active dimension): train it longer (settings.m1.fit)")
        self.train = self._split(codes, data.train.labels)
        self.test = self._split(m1.encode(data.test.pixels), data.test.labels)
        more = data.unlabelled
        self.unlabelled = None if more is None else self._split(m1.encode(more), None).pixels

    def _split(self, codes: Tensor, labels: Tensor | None) -> ImageSplit:
        active = codes[:, self.active]
        return ImageSplit(active.view(len(active), 1, 1, -1), labels)


def _svm(train: ImageSplit, test: ImageSplit) -> float:
    assert train.labels is not None and test.labels is not None
    return support_vector_error(train.pixels, train.labels, test.pixels, test.labels)


def _cnn(config: LabelsConfig, data: ImageData, rows: Tensor, seed: int, device: str) -> float:
    """A plain convolutional classifier of the labelled images alone."""
    # epochs are counted in passes of at least 1,000 images, so that 100 labels are seen often enough
    repeated = data.train[rows.repeat(-(-1000 // len(rows)))]
    model = train_classifier(config.cnn, config.cnn_fit, repeated, data.classes, seed, device)
    return error_of(model.predict(data.test.pixels), data.test)


def _tables(table: pd.DataFrame, data: ImageData) -> list[Panel]:
    grouped = table.groupby(["method", "labels"], sort=False)["error"]
    summary = pd.DataFrame({"mean": grouped.mean(), "std": grouped.std().fillna(0.0)})
    shown = {
        method: {str(n): f"{row['mean']:.2f} ± {row['std']:.2f}" for (_, n), row in part.iterrows()}
        for method, part in summary.groupby(level=0, sort=False)
    }
    for name, row in PUBLISHED.get(data.name, {}).items():
        shown[name] = {str(n): f"{value:.2f}" for n, value in row.items()}
    wide = pd.DataFrame(shown).T.reindex(columns=[str(n) for n in table["labels"].unique()]).fillna("")
    wide = wide.reset_index(names="method")
    spread = pd.DataFrame({"mean": grouped.mean(), "median": grouped.median(), "lowest": grouped.min()})
    spread = spread.assign(highest=grouped.max(), draws=grouped.count()).reset_index()
    return [
        Panel(
            "errors",
            "table",
            "Test error in percent against the number of labels",
            "Mean and standard deviation over draws of the labelled images; every method sees the same ones. Rows"
            " that name a source are published figures.",
            frame=wide,
        ),
        Panel("error-spread", "table", "Spread over draws of the labelled images, %", frame=spread),
        Panel("error-runs", "table", "Every run", frame=table),
    ]


def _styles(model: M2, config: LabelsConfig, data: ImageData, seed: int) -> Panel:
    """Styles of test images in every class."""
    pixels = binarise(data.test.pixels[: config.styles], config.m2.binarisation, torch.Generator().manual_seed(seed))
    classes = model.predict(pixels.to(model.vae.device)).cpu()
    style = model.vae.encode(pixels, classes).repeat_interleave(data.classes, 0)
    drawn = model.vae.decode(style, torch.arange(data.classes).repeat(len(pixels)))
    table = torch.cat([pixels.unsqueeze(1), drawn.unflatten(0, (len(pixels), data.classes))], 1).flatten(0, 1)
    return Panel(
        "m2-styles",
        "images",
        f"Analogies by M2 with {min(config.labels)} labels",
        "First column: a test image. Then its style z, inferred with the class that the model gives it, in every class "
        "(Kingma et al. 2014, figure 1).",
        array=grid(table, data.classes + 1),
    )
