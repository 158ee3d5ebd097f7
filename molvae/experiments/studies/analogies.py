"""Analogies of fonts, which have a right answer: the style of one glyph in other classes, and arithmetic of styles."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.fit import FitConfig, fit
from molvae.core.sampling import analogy
from molvae.core.schedules import in_steps
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.images.analogies import (
    Fonts,
    PairBatches,
    analogy_error,
    class_mean_error,
    in_every_class,
    nearest_font_error,
    pair_objective,
    styles,
)
from molvae.images.datasets import ImageData
from molvae.images.fonts import STYLES
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.probes import chance_error, linear_probe_error
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress
from molvae.run.trainings import training_folder

MODELS = ("conditional VAE", "pairs of a font")


class AnalogyConfig(Config):
    """Analogies of fonts."""

    models: tuple[Annotated[str, one_of(MODELS)], ...] = Field(MODELS, min_length=1)
    """The first does not see which glyphs share a font; the second infers z from one glyph to draw another."""
    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=128,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=16,
            conditional=True,
            likelihood="gaussian_fixed_sigma",
            sigma=0.3,
            network=NetworkConfig(hidden_size=500, depth=2, activation="silu"),
        ),
        fit=FitConfig(epochs=20, learning_rate=2e-3, weight_decay=0.01, precision="float32"),
    )
    given: tuple[Count, ...] = (1, 3, 10)
    """Numbers of glyphs of a font whose mean z is taken."""
    draws: Count = 34
    """Random choices of the classes that are given."""
    shown: Count = 8
    """Fonts in the picture."""
    columns: int = Field(12, ge=2, le=100)
    """Classes in the picture."""


def run(config: AnalogyConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Both kinds of model on the same fonts, beside what needs no model; fonts of whole families are held out."""
    if not config.train.model.conditional:
        raise ConfigError("an analogy of classes needs a conditional model: set train.model.conditional = true")
    train, test = Fonts.of(data.train), Fonts.of(data.test)
    given = {number: _draws(number, config.draws, test.classes, seed) for number in config.given}
    base = class_mean_error(train, test)
    rows = [{"analogy": "class mean", "glyphs given": "0", "squared error": base}]
    for number, sources in given.items():
        error = nearest_font_error(train, test, sources)
        rows.append({"analogy": "nearest training font", "glyphs given": str(number), "squared error": error})
    sums = _pixel_sums(train, test)
    probes: list[dict[str, Any]] = []
    pictures = []
    for name in config.models:
        model = _model(name, config, data, train, seed, device, progress)
        z, known = styles(model, test), styles(model, train)
        for number, sources in given.items():
            error = analogy_error(model, test, sources, z)
            rows.append({"analogy": name, "glyphs given": str(number), "squared error": error})
        sums += _sums(name, model, known, z, train, test)
        probes.append({"model": name, **_probe(known, z)})
        pictures.append(_picture(name, model, test, z, config))
    table = pd.DataFrame(rows)
    table["below the class mean, %"] = 100 * (1 - table["squared error"] / base)
    return [
        *pictures,
        Panel(
            "analogies-table",
            "table",
            "Error of analogies",
            "z of glyphs of a held-out font, decoded in the other classes: squared error, the mean over pixels, over "
            f"{len(test)} fonts and {config.draws} draws of the glyphs given.",
            frame=table,
        ),
        Panel(
            "arithmetic",
            "table",
            "Error of arithmetic: regular of a held-out family + (bold - regular) of another family",
            "The same for italic. z is the mean over all glyphs of a font; the other family is the next of the test "
            "part, or all training families by their mean.",
            frame=pd.DataFrame(sums),
        ),
        Panel(
            "probe",
            "table",
            "Test error in percent of the class read from z by a logistic regression",
            "The nearer to chance, the less the style tells of its class.",
            frame=pd.DataFrame(probes),
        ),
    ]


STUDY = Study(AnalogyConfig, run, data="fonts")


def _draws(number: int, draws: int, classes: int, seed: int) -> Tensor:
    """(draws, number) distinct classes; single ones are taken in turn, so that each is given."""
    if number >= classes:
        raise ConfigError(f"given: {number} glyphs leave none of {classes} classes to be drawn")
    if number == 1:
        return (torch.arange(draws) % classes).unsqueeze(1)
    random = np.random.default_rng((seed, number))
    return torch.from_numpy(np.stack([random.permutation(classes)[:number] for _ in range(draws)]))


def _model(
    name: str, config: AnalogyConfig, data: ImageData, train: Fonts, seed: int, device: str, progress: Progress
) -> ImageVAE:
    if name == "conditional VAE":
        return trained(config.train, data, seed, device, progress)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ImageVAE(config.train.model, data.shape, data.classes)
    model.set_mean(data.train.pixels)
    batches = PairBatches(train, config.train.batch_size, seed)
    settings = config.train.fit.model_copy(update={"seed": seed})
    objective = pair_objective(in_steps(config.train, settings.steps(batches)).objective)
    with training_folder() as folder:
        fit(model, batches, objective, settings, folder, device=device, progress=progress)
    return model.eval()


def _probe(train: Tensor, test: Tensor) -> dict[str, float]:
    """z (F, K, D) of training and test fonts; of the first, at most 200 evenly spaced fonts."""
    some = train[:: max(1, len(train) // 200)]
    labels, truth = (torch.arange(z.shape[1]).repeat(len(z)) for z in (some, test))
    error = linear_probe_error(some.flatten(0, 1), labels, test.flatten(0, 1), truth)
    return {"linear": 100 * error, "chance": 100 * chance_error(truth)}


def _sums(name: str, model: ImageVAE, known: Tensor, z: Tensor, train: Fonts, test: Fonts) -> list[dict[str, Any]]:
    """Arithmetic on the mean z of each font."""
    seen, held_out = known.mean(1)[train.in_styles()], z.mean(1)[test.in_styles()]  # (families, 4, D)
    regular, other = held_out[:, 0], held_out.roll(1, 0)
    rows: dict[str, dict[str, Any]] = {}
    for place in (1, 2):
        answers = test.glyphs[test.in_styles()[:, place]]
        mean_step = (seen[:, place] - seen[:, 0]).mean(0)
        points = {
            "one other family": analogy(other[:, 0], other[:, place], regular),
            "mean of the training families": regular + mean_step,
            "regular's z as it is": regular,
            "the answer's own z": held_out[:, place],
        }
        for way, point in points.items():
            error = float((in_every_class(model, point) - answers).square().mean())
            rows.setdefault(way, {"analogy": name, "step": way})[STYLES[place]] = error
    return list(rows.values())


def _pixel_sums(train: Fonts, test: Fonts) -> list[dict[str, Any]]:
    """What needs no model: the mean glyphs of that style, and the same arithmetic on pixels."""
    held_out = test.glyphs[test.in_styles()]  # (families, 4, K, C, H, W)
    other = held_out.roll(1, 0)
    rows: dict[str, dict[str, Any]] = {}
    for place in (1, 2):
        answers = held_out[:, place]
        drawn = {
            "class mean of that style": train.glyphs[train.in_styles()[:, place]].mean(0),
            "one other family": analogy(other[:, 0], other[:, place], held_out[:, 0]).clamp(0, 1),
            "regular as it is": held_out[:, 0],
        }
        for way, glyphs in drawn.items():
            row = rows.setdefault(way, {"analogy": "pixels", "step": way})
            row[STYLES[place]] = float((glyphs - answers).square().mean())
    return list(rows.values())


def _picture(name: str, model: ImageVAE, test: Fonts, z: Tensor, config: AnalogyConfig) -> Panel:
    """Two rows a font, true glyphs and those drawn with the style of one of them."""
    fonts = torch.linspace(0, len(test) - 1, min(config.shown, len(test))).round().long()
    classes = torch.linspace(0, test.classes - 1, min(config.columns, test.classes)).round().long()
    source = test.classes // 3
    drawn = in_every_class(model, z[fonts, source])[:, classes]
    true = test.glyphs[fonts][:, classes]
    given = test.glyphs[fonts, source].unsqueeze(1)
    table = torch.stack([torch.cat([given, true], 1), torch.cat([torch.zeros_like(given), drawn], 1)], 1)
    return Panel(
        f"analogies-{name.split()[0]}",
        "images",
        f"Analogies of held-out fonts: {name}",
        "First column: the only glyph that the model sees of a font. Then, two rows a font: true glyphs, and what its "
        "style z draws in their classes.",
        array=grid(table.flatten(0, 2), len(classes) + 1),
        options={"columns": ["given", *[""] * len(classes)], "rows": ["true", "drawn"] * len(fonts)},
    )
