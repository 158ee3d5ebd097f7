"""Slot attention on scenes of tetrominoes: does each object get a slot of its own (Locatello et al. 2020)?"""

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from molvae.core.fit import FitConfig
from molvae.core.training import ObjectiveConfig
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.images.datasets import ImageData, tetrominoes
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import slot_panel
from molvae.images.segmentation import foreground_ari
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, Seed, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress

POSTERIORS = {"slot attention": "point_mass", "variational slots": "diagonal_gaussian"}
"""What a code is: a set of points trained on reconstruction, or of Gaussians under the ELBO."""
PUBLISHED = 0.995
"""Foreground ARI on Tetrominoes of 35 x 35 pixels, 500,000 steps: Locatello et al. 2020, table 1."""


class SlotsConfig(Config):
    """Foreground ARI over seeds, and with more objects than in training."""

    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=32,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=4 * 32,
            posterior="point_mass",
            likelihood="gaussian_fixed_sigma",
            sigma=0.1,
            network=NetworkConfig(kind="slots", slots=4, hidden_size=32, depth=3, channels=16, activation="relu"),
        ),
        objective=ObjectiveConfig(name="reconstruction"),
        fit=FitConfig(epochs=10, learning_rate=1e-3, warmup_steps=200),
        validation_images=100,
    )
    models: tuple[Annotated[str, one_of(POSTERIORS)], ...] = Field(("slot attention",), min_length=1)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    """Of weights and batches, counted from the seed of the study."""
    failed: float = Field(0.9, ge=0, le=1)
    """A run below this foreground ARI counts as failed."""
    objects: tuple[Annotated[int, Field(ge=1, le=6)], ...] = Field((3, 4, 5, 6), min_length=1)
    """Objects in test scenes; each has one slot more."""
    scenes: Count = 300
    """Test scenes of each kind."""
    shown: Count = 6
    """Scenes in a picture."""


def run(config: SlotsConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train every model with every seed; measure on held-out scenes and on scenes with more objects."""
    if data.test.masks is None:
        raise ConfigError(f"{data.name} has no masks of objects: this study needs the data set tetrominoes")
    rows: list[dict[str, Any]] = []
    panels = []
    for name in config.models:
        best: tuple[float, ImageVAE] | None = None
        for number in (seed + offset for offset in config.seeds):
            model = trained(_settings(config, name), data, number, device, progress, posterior=POSTERIORS[name])
            found = foreground_ari(model, data.test.pixels[: config.scenes], data.test.masks[: config.scenes])
            rows.append({"model": name, "seed": number, "foreground ARI": found, "failed": found < config.failed})
            if best is None or found > best[0]:
                best = found, model
        assert best is not None
        panels += _pictures(name, best[1], config, data)
    table = pd.DataFrame(rows)
    return [_summary(table), Panel("seeds", "table", "Every seed", frame=table), *panels]


STUDY = Study(SlotsConfig, run, "tetrominoes")


def _settings(config: SlotsConfig, name: str) -> ImageTrainConfig:
    if POSTERIORS[name] == "point_mass":
        return config.train
    objective = config.train.objective.model_copy(update={"name": "elbo"})
    settings: ImageTrainConfig = config.train.model_copy(update={"objective": objective})
    return settings


def _summary(table: pd.DataFrame) -> Panel:
    grouped = table.groupby("model", sort=False)
    scores = grouped["foreground ARI"]
    summary = pd.DataFrame(
        {"mean": scores.mean(), "std": scores.std().fillna(0.0), "failed seeds": grouped["failed"].sum()}
    ).reset_index()
    return Panel(
        "agreement",
        "table",
        "Foreground ARI of the slots' masks with the objects",
        "Mean over seeds, failed ones included. Published for Tetrominoes of 35 x 35 pixels, after 500,000 steps of "
        f"64: {PUBLISHED}.",
        frame=summary,
    )


def _pictures(name: str, model: ImageVAE, config: SlotsConfig, data: ImageData) -> list[Panel]:
    """Of the best seed: scenes as in training, and scenes with the most objects."""
    stem, rows = name.replace(" ", "-"), []
    panel = slot_panel(model, data.test.pixels[: config.shown])
    panels = [replace(panel, name=stem, title=f"{name.capitalize()}: {panel.title.lower()}")]
    assert data.train.masks is not None
    learned = data.train.masks.shape[1] - 1  # the background is no object
    for number in config.objects:
        crowded, wider = tetrominoes(config.scenes, 3, number), model.with_slots(number + 1)
        assert crowded.masks is not None
        found = foreground_ari(wider, crowded.pixels, crowded.masks)
        rows.append({"objects": number, "slots": number + 1, "foreground ARI": found})
        if number == max(config.objects):
            wide = slot_panel(wider, crowded.pixels[: config.shown])
            title = f"{name.capitalize()}: {number} objects, trained on {learned}"
            panels.append(replace(wide, name=f"{stem}-crowded", title=title))
    table = Panel(
        f"{stem}-objects",
        "table",
        f"{name.capitalize()}: scenes of several numbers of objects, trained on {learned}",
        "The best seed; a set has no fixed size, so slots are added without training.",
        frame=pd.DataFrame(rows),
    )
    return [panels[0], table, *panels[1:]]
