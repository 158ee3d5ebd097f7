"""Structured output: images completed from one, two or three quadrants (Sohn, Lee & Yan 2015, section 5.1)."""

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from molvae.core.fit import FitConfig
from molvae.core.training import ObjectiveConfig
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import completion_panel
from molvae.images.training import ImageEvaluationConfig, ImageTrainConfig, evaluate_images
from molvae.images.vae import ImageVAEConfig
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress

PUBLISHED = {
    "plain network (paper)": (99.75, 62.18, 25.99),
    "CVAE, Monte Carlo (paper)": (68.39, 45.34, 20.96),
    "CVAE, importance sampling (paper)": (63.91, 44.73, 20.95),
    "plain network (Pyro)": (100.4, 61.9, 25.4),
    "CVAE, Monte Carlo (Pyro)": (71.8, 51.0, 24.2),
}
"""-log p(y|x) of MNIST in nats for 1, 2, 3 quadrants: Sohn et al. 2015, table 1, and the example of Pyro.
The figures of the paper are quoted from memory and have not been read again."""


class CompletionConfig(Config):
    """The table of conditional likelihoods."""

    train: ImageTrainConfig = ImageTrainConfig(
        model=ImageVAEConfig(latent_size=20, network=NetworkConfig(hidden_size=100, depth=2, activation="silu")),
        fit=FitConfig(epochs=25, learning_rate=3e-3, average=0.99),
    )
    quadrants: tuple[Annotated[int, Field(ge=1, le=3)], ...] = Field((1, 2, 3), min_length=1)
    """Numbers of given quadrants."""
    prior_shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=lambda: {"CVAE": 0.0, "hybrid": 0.5, "GSNN": 1.0}, min_length=1
    )
    """Models by name, with the share of their objective in which z is drawn from p(z|x)."""
    images: Count = 10_000
    """Test images, evenly spaced."""
    samples: Count = 100
    """Draws of z for each, from p(z|x) and from q(z|x, y)."""
    shown: Count = 6
    """Images in a picture."""


def run(config: CompletionConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Every model for every number of quadrants; the plain network is the one inside the first of them."""
    table: dict[str, dict[str, float]] = {}
    panels, policy = [], config.train.binarisation
    shown = in_order(data.test[: config.shown], config.shown, policy, seed)[0].pixels
    for given in config.quadrants:
        for name, share in config.prior_shares.items():
            objective: ObjectiveConfig = config.train.objective.model_copy(update={"prior_share": share})
            settings = config.train.model_copy(update={"objective": objective})
            model = trained(settings, data, seed, device, progress, quadrants=given)
            measure = ImageEvaluationConfig(
                nll_images=min(config.images, len(data.test)),
                nll_samples=config.samples,
                binarisation=policy,
                seed=seed,
            )
            result = evaluate_images(model, data, measure, progress)
            found, column = result["completion"], str(given)
            table.setdefault("plain network", {}).setdefault(column, found["plain_network"])
            table.setdefault(f"{name}, Monte Carlo", {})[column] = found["monte_carlo"]
            if share < 1:  # of a network without a bound q(z|x, y) is not trained
                table.setdefault(f"{name}, importance sampling", {})[column] = result["likelihood"]["nll"]
            panel = completion_panel(model, shown, seed=seed)
            title = f"{given} of 4 quadrants given: {name}"
            panels.append(replace(panel, name=f"completions-{given}-{_file(name)}", title=title))
    return [_table(table, config, data), *panels]


STUDY = Study(CompletionConfig, run)


def _table(table: dict[str, dict[str, float]], config: CompletionConfig, data: ImageData) -> Panel:
    rows: list[dict[str, Any]] = [
        {"model": name, **{k: f"{v:.2f}" for k, v in row.items()}} for name, row in table.items()
    ]
    if data.name == "mnist":
        rows += [
            {"model": name, **{str(k): f"{row[k - 1]:.2f}" for k in config.quadrants}}
            for name, row in PUBLISHED.items()
        ]
    return Panel(
        "conditional-likelihood",
        "table",
        "-log p(y|x) of the hidden pixels, nats, against the number of given quadrants",
        f"{config.samples} samples of z for each of {min(config.images, len(data.test))} test images: Monte Carlo from "
        "p(z|x), as a prediction is made, and importance sampling from q(z|x, y). Rows that name a source are "
        "published figures, those of the paper quoted from memory.",
        frame=pd.DataFrame(rows),
    )


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
