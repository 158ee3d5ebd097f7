"""Analogies that have a right answer: a glyph of a font is seen, the others are drawn in its style (Kingma et al. 2014,
figure 1, with fonts of which every glyph is known).
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.fit import FitConfig, fit
from molvae.core.schedules import in_steps
from molvae.core.training import BoundValidator, TrainingConfig, vae_objective
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study
from molvae.images.datasets import ImageData
from molvae.images.glyphs import GLYPHS, STYLES
from molvae.images.style_vae import FontBatches, StyleVAE, StyleVAEConfig, by_font, font_batch
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress

_BOLD = 1  # its place among the styles of a family


class FontTrainConfig(TrainingConfig):
    """Training of a VAE of fonts; an example is a font."""

    batch_size: int = Field(64, ge=1)
    """Fonts a step."""
    model: StyleVAEConfig = StyleVAEConfig()
    fit: FitConfig = FitConfig(epochs=12, learning_rate=1e-3, warmup_steps=100, clip_norm=1e4)
    repeats: Count = 30
    """How often a font comes in an epoch, each time by other glyphs."""
    seen: Count = 4
    """Glyphs that the encoder sees, at most."""
    targets: Count = 8
    """Glyphs that are drawn at a step, of all that a font has."""


class AnalogiesConfig(Config):
    """Errors of drawn glyphs of fonts whose families were held out."""

    train: FontTrainConfig = FontTrainConfig()
    seen: tuple[Count, ...] = Field((1, 4), min_length=1)
    """Numbers of glyphs that are seen of a held-out font."""
    rows: Count = 8
    """Fonts in the picture."""
    shown: Count = 14
    """Glyphs of each in the picture."""


def run(config: AnalogiesConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train on some families of fonts and draw the glyphs of the others."""
    train, valid, test = (by_font(part, data.classes) for part in (data.train, data.valid, data.test))
    if len(test) < 8 or len(train) < 8 or data.classes < 3:
        raise ConfigError("analogies need at least two families of fonts to learn from, and two to test with")
    model = train_style_vae(config.train, train, valid, seed, device, progress)
    errors = measure(model, train, test, config.seen)
    arithmetic = bold_by_arithmetic(model, train, test)
    names = list(GLYPHS[: data.classes])
    return [_table(errors, data), _arithmetic_table(arithmetic), _picture(model, test, data, config, names)]


STUDY = Study(AnalogiesConfig, run, "glyphs")


def train_style_vae(
    config: FontTrainConfig, train: Tensor, valid: Tensor, seed: int, device: str, progress: Progress
) -> StyleVAE:
    """A trained model of fonts (F, C, P); validated is the bound of held-out fonts of which one glyph is seen."""
    classes = train.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StyleVAE(config.model, train.shape[2], classes)
    model.set_mean(train)
    settings = config.fit.model_copy(update={"seed": seed})
    batches = FontBatches(train, config.batch_size, config.repeats, config.seen, config.targets, seed)
    everything = torch.arange(classes).expand(len(valid), -1)
    held_out = [font_batch(valid, torch.arange(len(valid))[:, None] % classes, everything)]
    scheduled = in_steps(config, settings.steps(batches))
    validate = BoundValidator(scheduled, held_out)
    with TemporaryDirectory() as folder:
        fit(model, batches, vae_objective(scheduled.objective), settings, Path(folder), validate, device, progress)
    return model.eval()


def measure(model: StyleVAE, train: Tensor, test: Tensor, numbers: tuple[int, ...]) -> pd.DataFrame:
    """Squared error of a glyph that was not seen, summed over its pixels, for each way to draw it.

    Every class is seen in turn, together with others at even distances.
    """
    classes, rows = test.shape[1], []
    mean = train.mean(0)
    for number in numbers:
        sums, count = dict.fromkeys(("class mean", "nearest training font", "VAE of fonts"), 0.0), 0
        for first in range(classes):
            seen = (first + torch.arange(min(number, classes - 1)) * max(1, classes // number)) % classes
            seen = torch.unique(seen)
            rest = torch.tensor([place for place in range(classes) if place not in seen.tolist()])
            nearest = torch.cdist(test[:, seen].flatten(1), train[:, seen].flatten(1)).argmin(1)
            z = model.encode(test[:, seen], seen.expand(len(test), -1))
            drawn = {
                "class mean": mean[rest].expand(len(test), -1, -1),
                "nearest training font": train[nearest][:, rest],
                "VAE of fonts": model.decode(z, rest),
            }
            for name, pictures in drawn.items():
                sums[name] += float(((pictures - test[:, rest]) ** 2).sum(-1).mean())
            count += 1
        rows += [{"drawn by": name, "seen": number, "error": value / count} for name, value in sums.items()]
    return pd.DataFrame(rows)


def bold_by_arithmetic(model: StyleVAE, train: Tensor, test: Tensor) -> pd.DataFrame:
    """The bold of a held-out family from its regular alone: z(regular) + what bold has added in the training families.

    All glyphs of the regular are seen. Beside it: the regular itself, and the same sum in pixels.
    """
    everything = torch.arange(test.shape[1])

    def codes(fonts: Tensor) -> Tensor:
        return model.encode(fonts, everything.expand(len(fonts), -1))

    styles = len(STYLES)
    regular, bold = test[0::styles], test[_BOLD::styles]
    step = (codes(train[_BOLD::styles]) - codes(train[0::styles])).mean(0)
    step_in_pixels = (train[_BOLD::styles] - train[0::styles]).mean(0)
    drawn = {
        "z(regular) + mean of z(bold) - z(regular)": model.decode(codes(regular) + step, everything),
        "z(bold), the best that the model can": model.decode(codes(bold), everything),
        "pixels of the regular + mean difference": regular + step_in_pixels,
        "the regular itself": regular,
    }
    rows = [
        {"drawn by": name, "error": float(((pictures - bold) ** 2).sum(-1).mean())} for name, pictures in drawn.items()
    ]
    return pd.DataFrame(rows)


def _table(errors: pd.DataFrame, data: ImageData) -> Panel:
    table = errors.pivot(index="drawn by", columns="seen", values="error")
    table = table.loc[errors["drawn by"].unique()]
    below = 1 - table.loc["VAE of fonts"] / table.loc["class mean"]
    frame = table.rename(columns=lambda number: f"{number} seen").reset_index()
    share = ", ".join(f"{value:.0%} with {number} seen" for number, value in below.items())
    return Panel(
        "errors",
        "table",
        "Squared error of glyphs that were not seen",
        f"Of {data.name}, summed over the pixels of a glyph, mean over the fonts of held-out families and all classes. "
        f"Below the class mean by {share}. The nearest training font has the nearest glyphs of the seen classes.",
        frame=frame,
    )


def _arithmetic_table(table: pd.DataFrame) -> Panel:
    return Panel(
        "arithmetic",
        "table",
        "The bold of a held-out family",
        "Squared error against its true bold; all glyphs of its regular are seen.",
        frame=table,
    )


def _picture(model: StyleVAE, test: Tensor, data: ImageData, config: AnalogiesConfig, names: list[str]) -> Panel:
    """A row of truth above a row of what is drawn from the first glyph alone."""
    classes = np.linspace(0, data.classes - 1, min(config.shown, data.classes)).round().astype(int)
    labels, seen = torch.from_numpy(classes), names.index("A") if "A" in names else 0
    fonts = test[torch.linspace(0, len(test) - 1, min(config.rows, len(test))).round().long()]
    z = model.encode(fonts[:, [seen]], torch.full((len(fonts), 1), seen))
    drawn = model.decode(z, labels)
    pairs = torch.stack([fonts[:, labels], drawn], 1).flatten(0, 1)  # (2 rows, K, P)
    given = torch.stack([fonts[:, seen], torch.zeros_like(fonts[:, seen])], 1).flatten(0, 1).unsqueeze(1)
    side = data.shape[1:]
    array = 1 - torch.cat([given, pairs], 1).clamp(0, 1).unflatten(-1, side).numpy()
    return Panel(
        "analogies",
        "images",
        f"From one glyph to all: {names[seen]} is seen",
        "First column: the glyph that is seen, of a family that the model has never met. Then its true glyphs, and "
        "below them what the model draws.",
        array=array,
        options={"rows": ["true", "drawn"] * len(fonts), "columns": ["seen", *(names[place] for place in classes)]},
    )
