"""Amortised inference against one q for each image, and the plain autoencoder that both grew from."""

import time
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian
from molvae.core.objectives import elbo
from molvae.core.training import ObjectiveConfig
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import ImageBatches, in_order
from molvae.images.datasets import ImageData
from molvae.images.pictures import grid
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE
from molvae.run.config import Config, Count
from molvae.run.device import choose_device
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class InferenceConfig(Config):
    """The study of inference."""

    train: ImageTrainConfig = ImageTrainConfig(binarisation="threshold")
    epochs: int = Field(200, ge=1, le=1_000_000)
    """Passes over the data for each kind of inference."""
    table_learning_rate: float = Field(0.05, gt=0, le=10)
    """Of the table of posteriors: a row learns only once an epoch, so it must learn fast."""
    bottlenecks: tuple[Count, ...] = (2, 5, 10, 20)
    """Code sizes of the plain autoencoder."""


class PerDatapoint(nn.Module):
    """One Gaussian for each of N images, memory O(N D): ``encoder(index)`` (Hoffman et al. 2013, local parameters)."""

    def __init__(self, number: int, latent_size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(number, 2 * latent_size)
        nn.init.zeros_(self.table.weight)

    def forward(self, index: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(*self.table(index).chunk(2, -1))


def run(config: InferenceConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """The same decoder and bound under each kind of inference, on the training images; then autoencoders."""
    curves: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    models: dict[str, ImageVAE] = {}
    target = choose_device(device)
    for kind in ("amortised", "per datapoint"):
        torch.manual_seed(seed)
        model = ImageVAE(config.train.model, data.shape)
        model.set_mean(data.train.pixels)
        table = PerDatapoint(len(data.train), config.train.model.latent_size) if kind != "amortised" else None
        for module in (model, table):
            if module is not None:
                module.to(target)
        started = time.perf_counter()
        curves[kind] = _optimise(model, table, config, data, seed)
        inference = table if table is not None else model.encoder
        rows.append(_row(kind, curves[kind][-1], time.perf_counter() - started, inference))
        models[kind] = model
    # the amortisation gap: give every image its own q, the decoder as the encoder's training left it
    model = models["amortised"]
    refined = PerDatapoint(len(data.train), config.train.model.latent_size).to(target)
    with torch.no_grad():
        q: Any = model.posterior(in_order(data.train, len(data.train), config.train.binarisation)[0].to(target))
        refined.table.weight.copy_(torch.cat([q.mu, q.log_var], -1))
    started = time.perf_counter()
    curve = _optimise(model, refined, config, data, seed, freeze=True)
    rows.append(_row("amortised, then refined per datapoint", curve[-1], time.perf_counter() - started, refined))
    frame = pd.DataFrame(rows)
    frame["ELBO gap to the best"] = frame["ELBO"].max() - frame["ELBO"]
    return [
        Panel(
            "inference-curves",
            "lines",
            "ELBO of the training images under two kinds of inference",
            "An encoder shares what it learns between images; a table learns each image anew and grows with the data.",
            frame=pd.DataFrame({"epoch": range(1, config.epochs + 1), **curves}),
            options={"x": "epoch", "y": "nats"},
        ),
        Panel(
            "inference-table",
            "table",
            "ELBO, time and memory of inference",
            "Third row: q of each image optimised with the decoder held fixed; its gain is the amortisation gap "
            "(Cremer et al. 2018). A new image costs one pass of the encoder, or an optimisation of its own.",
            frame=frame,
        ),
        *_autoencoders(config, data, seed, device, progress),
    ]


STUDY = Study(InferenceConfig, run)


def _optimise(
    model: ImageVAE,
    table: PerDatapoint | None,
    config: InferenceConfig,
    data: ImageData,
    seed: int,
    freeze: bool = False,
) -> list[float]:
    """Maximise the ELBO of the training images; returns it after each epoch."""
    rate = config.train.fit.learning_rate
    shared = model if table is None else model.decoder
    groups: list[dict[str, Any]] = [] if freeze else [{"params": list(shared.parameters()), "lr": rate}]
    if table is not None:
        groups.append({"params": list(table.parameters()), "lr": config.table_learning_rate})
    optimizer = torch.optim.Adam(groups)
    batches = ImageBatches(data.train, config.train.batch_size, seed, config.train.binarisation)
    generator = torch.Generator().manual_seed(seed)
    curve = []
    rates = [group["lr"] for group in optimizer.param_groups]
    for epoch in range(config.epochs):
        total = 0.0
        for group, peak in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = peak * (1 - epoch / config.epochs)  # to rest at the optimum instead of jumping around it
        for given in batches.epoch(epoch):
            batch = given.to(model.device)
            bound = elbo(model.terms(batch, 1, generator, q=None if table is None else table(batch.index)))
            optimizer.zero_grad()
            (-bound.mean()).backward()
            optimizer.step()
            total += float(bound.detach().sum())
        curve.append(total / len(data.train))
    return curve


def _row(kind: str, bound: float, seconds: float, inference: nn.Module) -> dict[str, Any]:
    size = sum(parameter.numel() for parameter in inference.parameters())
    return {"inference": kind, "ELBO": bound, "seconds": seconds, "numbers in memory": size}


def _autoencoders(config: InferenceConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Reconstructions through bottlenecks, and what an autoencoder makes of points that it never saw."""
    plain = config.train.model_copy(update={"objective": ObjectiveConfig(name="reconstruction")})
    originals = in_order(data.test[:12], 12, config.train.binarisation)[0].pixels
    pictures, names, rows = [originals], ["original"], []
    generator = torch.Generator().manual_seed(seed)
    for size in config.bottlenecks:
        model = trained(plain, data, seed, device, progress, latent_size=size, posterior="point_mass")
        rebuilt = model.reconstruct(originals)
        test = in_order(data.test, len(data.test), config.train.binarisation)[0]
        with torch.no_grad():
            loss = -float(model.terms(test.to(model.device), 1).log_px.mean())
        pictures.append(rebuilt)
        names.append(f"{size} numbers")
        rows.append({"code size": size, "reconstruction, nats": loss})
    codes = model.encode(data.train.pixels)
    random = model.decode(codes.mean(0) + codes.std(0) * torch.randn(12, codes.shape[1], generator=generator))
    return [
        Panel(
            "autoencoder",
            "images",
            "A plain autoencoder: what fits through the bottleneck, and what lies between the codes",
            "Last row: the largest autoencoder decodes random points with the mean and spread of its codes; "
            "nothing ever asked it to make sense of them, which is where the VAE begins.",
            array=grid(torch.cat([*pictures, random]), 12),
            options={"rows": [*names, "random codes"]},
        ),
        Panel("autoencoder-table", "table", "Test reconstruction of plain autoencoders", frame=pd.DataFrame(rows)),
    ]
