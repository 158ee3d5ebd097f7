"""Posterior collapse, and the schedules that avoid it."""

from typing import Any

import pandas as pd

from molvae.core.fit import FitConfig
from molvae.core.schedules import Schedule
from molvae.core.training import ObjectiveConfig
from molvae.experiments.studies.common import Study, trained
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAEConfig
from molvae.run.config import Config, Count, Weight
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class CollapseConfig(Config):
    """The study of collapse: a deep network, whose decoder is slow to find a use for z."""

    train: ImageTrainConfig = ImageTrainConfig(
        binarisation="threshold",
        model=ImageVAEConfig(latent_size=10, network=NetworkConfig(hidden_size=200, depth=8, activation="relu")),
        fit=FitConfig(epochs=80, learning_rate=3e-3, warmup_steps=0),
    )
    warmup_steps: Count = 600
    """Length of the linear rise, and of one cycle."""
    free_bits: Weight = 0.5
    """Nats a dimension may use for nothing."""


def run(config: CollapseConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """The same network and seed under each schedule; only the weight of the KL term differs."""
    steps = config.warmup_steps
    schedules = {
        "constant weight": ObjectiveConfig(),
        "linear warm-up": ObjectiveConfig(beta=Schedule(kind="linear", steps=steps)),
        "cyclical": ObjectiveConfig(beta=Schedule(kind="cyclical", steps=steps)),
        "free bits": ObjectiveConfig(name="free_bits", free_bits=config.free_bits),
    }
    logs: dict[str, list[dict[str, float]]] = {name: [] for name in schedules}
    for name, objective in schedules.items():
        settings = config.train.model_copy(update={"objective": objective})
        trained(settings, data, seed, device, progress, logs[name])
    final: list[dict[str, Any]] = [
        {
            "schedule": name,
            "validation ELBO": log[-1]["valid_elbo"],
            "KL": log[-1]["valid_kl"],
            "active units": int(log[-1]["valid_active_units"]),
        }
        for name, log in logs.items()
    ]
    epochs = [row["epoch"] for row in next(iter(logs.values()))]
    curves = {name: [row["valid_kl"] for row in log] for name, log in logs.items()}
    return [
        Panel(
            "collapse",
            "lines",
            "KL(q(z|x) || p(z)) of held-out images under four schedules",
            "At zero q is the prior and the code says nothing about the image. A weight that starts at zero lets "
            "the decoder find a use for z before the prior pulls (Bowman et al. 2016, Sonderby et al. 2016; "
            "cyclical: Fu et al. 2019; free bits: Kingma et al. 2016).",
            frame=pd.DataFrame({"epoch": epochs, **curves}),
            options={"x": "epoch", "y": "KL, nats"},
        ),
        Panel("collapse-table", "table", "After the last epoch", frame=pd.DataFrame(final)),
    ]


STUDY = Study(CollapseConfig, run)
