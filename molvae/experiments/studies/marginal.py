"""What is log p(x)? Prior samples, importance samples and the bound, against the number of samples."""

import pandas as pd
import torch

from molvae.core.evaluate import importance_log_likelihood, prior_log_likelihood
from molvae.core.objectives import elbo
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData
from molvae.images.training import ImageTrainConfig
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class MarginalConfig(Config):
    """The study of likelihood estimates."""

    train: ImageTrainConfig = ImageTrainConfig()
    latent_sizes: tuple[Count, ...] = (2, 20)
    samples: tuple[Count, ...] = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
    images: Count = 100
    """Test images, averaged."""


def run(config: MarginalConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """One figure for each latent size: the more dimensions, the more hopeless are samples of the prior."""
    panels = []
    for size in config.latent_sizes:
        model = trained(config.train, data, seed, device, progress, latent_size=size)
        (batch,) = in_order(data.test[: config.images], config.images, config.train.binarisation, seed)
        with torch.no_grad():
            bound = float(elbo(model.terms(batch.to(model.device), 100, torch.Generator().manual_seed(seed))).mean())
        prior = prior_log_likelihood(model, batch, config.samples[-1], config.samples, seed)
        rows = [
            {
                "samples": number,
                "samples of the prior": float(estimate.mean()),
                "importance samples of q(z|x)": -importance_log_likelihood(model, [batch], number, seed).nll,
                "ELBO": bound,
            }
            for number, estimate in zip(config.samples, prior, strict=True)
        ]
        panels.append(
            Panel(
                f"marginal-{size}",
                "lines",
                f"Estimates of log p(x), {size} latent dimensions",
                "Mean over test images. Samples of the prior estimate p(x) without bias, but hardly one of them "
                "explains the image, and log p(x) comes out far too low; importance samples of q(z|x) (Burda et "
                "al. 2016) start at the ELBO and converge at once. In few dimensions enough samples of the prior win: "
                "q(z|x) misses parts of the posterior.",
                frame=pd.DataFrame(rows),
                options={"log_x": True, "x": "samples of z", "y": "nats"},
            )
        )
    return panels


STUDY = Study(MarginalConfig, run)
