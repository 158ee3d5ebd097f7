"""Images generated from attributes (Yan et al. 2016, Attribute2Image), and how many of them show what was asked for."""

from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.fit import FitConfig
from molvae.experiments.studies.common import Study, trained
from molvae.images.attributes import Attributed, AttributeJudge, attributed, balanced_accuracy, train_judge
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class AttributesConfig(Config):
    """A conditional VAE, and a network trained on real images that judges what it draws."""

    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=64,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=32,
            conditional=True,
            likelihood="gaussian_shared_sigma",
            sigma=0.2,
            network=NetworkConfig(kind="cnn", hidden_size=256, channels=32, activation="silu"),
        ),
        fit=FitConfig(epochs=12, learning_rate=1e-3, clip_norm=1e3),
        validation_images=200,
    )
    judge: NetworkConfig = NetworkConfig(kind="cnn", hidden_size=128, channels=16, activation="relu")
    judge_fit: FitConfig = FitConfig(epochs=8, learning_rate=1e-3)
    attributes: tuple[str, ...] = ()
    """Names; default: eight that show in a face, or all of sprites."""
    images: Count = 1000
    """Test images whose attributes are flipped, and draws of the prior beside them."""
    columns: int = Field(9, ge=2, le=1000)
    """Pictures in a row."""
    reach: float = Field(1.5, ge=1, le=10)
    """Attributes are drawn from 1 - this to this; 0 is without, 1 with."""


def run(config: AttributesConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train judge and VAE on the same images; flip one attribute at a time."""
    known = attributed(data, config.attributes)
    judge = train_judge(config.judge, config.judge_fit, known.data.train, seed, device)
    model = trained(config.train, known.data, seed, device, progress)
    panels = [_table(model, judge, known, config, seed), _errors(model, known), _picture(model, known, config, seed)]
    return [*panels, layer_panel(model, known)] if config.train.model.network.kind == "layered" else panels


STUDY = Study(AttributesConfig, run, "sprites")


def flipped(labels: Tensor, place: int) -> Tensor:
    """The same attributes (n, A) but one."""
    changed = labels.clone()
    changed[:, place] = 1 - changed[:, place]
    return changed


def _table(model: ImageVAE, judge: AttributeJudge, known: Attributed, config: AttributesConfig, seed: int) -> Panel:
    test = known.data.test[: config.images]
    assert test.labels is not None
    real = balanced_accuracy(judge.tell(test.pixels), test.labels)
    inferred = model.encode(test.pixels, test.labels)
    drawn = model.prior.sample((len(test),), torch.Generator().manual_seed(seed)).cpu()
    kept = judge.tell(model.decode(inferred, test.labels))
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(known.names):
        wanted = flipped(test.labels, place)
        row: dict[str, Any] = {
            "attribute": name,
            "share": float(test.labels[:, place].mean()),
            "real": float(real[place]),
        }
        row["rebuilt"] = float(balanced_accuracy(kept, test.labels)[place])
        for title, z in (("flipped, z of the image", inferred), ("flipped, z of the prior", drawn)):
            told = judge.tell(model.decode(z, wanted))
            row[title] = float(balanced_accuracy(told, wanted)[place])
        rows.append(row)
    frame = pd.DataFrame(rows)
    numbers = frame.drop(columns="attribute").mean()
    frame.loc[len(frame)] = {"attribute": "mean", **numbers}
    share = ", ".join(f"{numbers[name] / numbers['real']:.0%} with {name}" for name in frame.columns[4:])
    return Panel(
        "recognised",
        "table",
        "Attributes that the judge sees",
        "Balanced accuracy of a network trained on real images: on real test images, on their reconstructions, and on "
        f"images drawn with one attribute flipped, as asked for. Of its accuracy on real images: {share}.",
        frame=frame,
    )


def _errors(model: ImageVAE, known: Attributed) -> Panel:
    """How well test images are rebuilt, all of them and the middle, where a face is."""
    test = known.data.test
    squared = (model.reconstruct(test.pixels, test.labels).clamp(0, 1) - test.pixels).square().mean((0, 1))
    height, width = squared.shape
    middle = squared[height // 4 : -(height // 4), width // 4 : -(width // 4)]
    numbers = {
        "mean squared error": float(squared.mean()),
        "of the middle quarter": float(middle.mean()),
        "weights": sum(parameter.numel() for parameter in model.parameters()),
    }
    caption = "Of values from 0 to 1, test images at their posterior means; the middle quarter of the area is the face."
    return Panel("rebuilt", "table", "Test images rebuilt", caption, frame=pd.DataFrame([numbers]))


def _picture(model: ImageVAE, known: Attributed, config: AttributesConfig, seed: int) -> Panel:
    """A row for each attribute: z and the other attributes fixed."""
    labels = known.data.test.labels
    assert labels is not None
    steps = torch.linspace(1 - config.reach, config.reach, config.columns)
    z = model.prior.sample((1,), torch.Generator().manual_seed(seed)).cpu()  # of nobody: faces are not to be passed on
    rows = []
    for place in range(len(known.names)):
        asked = labels[:1].repeat(config.columns, 1)
        asked[:, place] = steps
        rows.append(model.decode(z.expand(config.columns, -1), asked))
    return Panel(
        "progression",
        "images",
        "One attribute moved, z fixed",
        "One draw of the prior, with the attributes of a test image but one, from without (0) to with (1) and a little "
        "further on both sides (Yan et al. 2016, figure 4).",
        array=grid(torch.cat(rows), config.columns),
        options={"rows": list(known.names), "columns": [f"{step:.2g}" for step in steps.tolist()]},
    )


def layer_panel(model: ImageVAE, known: Attributed, number: int = 10, seed: int = 0) -> Panel:
    """What a model of two layers draws with the attributes of test images, and what it draws it from.

    Args:
        model: with a network of the kind ``layered``.
        known: whose first test images lend their attributes.
        number: of draws of the prior.
        seed: of the draws.
    """
    labels = known.data.test.labels
    assert labels is not None
    asked = labels[:number]
    z = model.prior.sample((len(asked),), torch.Generator().manual_seed(seed))
    with torch.no_grad():
        decoder: Any = model.decoder
        foreground, background, gate = decoder.network.layers(z.to(model.device), asked.to(model.device))
    whole = model.decode(z, asked)
    shown = [whole, foreground.cpu(), gate.cpu().expand_as(whole), background.cpu()]
    return Panel(
        "layers",
        "images",
        "Draws of the prior in two layers",
        "With the attributes of test images: a draw, its foreground, the gate (white: the foreground is seen), and the "
        "background, which knows no attribute (Yan et al. 2016, disCVAE).",
        array=grid(torch.cat(shown), len(asked)),
        options={"rows": ["drawn", "foreground", "gate", "background"]},
    )
