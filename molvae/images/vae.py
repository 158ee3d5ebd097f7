"""The VAE of images: encoder, prior and likelihood chosen by name, with or without class labels.

It is :class:`molvae.core.vae.VAE` with pixels for x; bounds, objectives, the training loop and the samplers are the
core's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from molvae.core.checkpoint import load_model_folder, save_model_folder
from molvae.core.distributions import Likelihood, Posterior, StandardNormal
from molvae.core.heads import LIKELIHOODS, POSTERIORS
from molvae.core.sampling import interpolate
from molvae.core.vae import VAE
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.images.batches import ImageBatch
from molvae.images.networks import DECODERS, ENCODERS, NetworkConfig
from molvae.run.config import Config
from molvae.run.device import choose_device


class ImageVAEConfig(Config):
    """Which VAE."""

    latent_size: int = Field(50, ge=1, le=10_000)
    """D"""
    network: NetworkConfig = NetworkConfig()
    posterior: str = "diagonal_gaussian"
    """A name of ``core.heads.POSTERIORS``."""
    likelihood: str = "bernoulli"
    """A name of ``core.heads.LIKELIHOODS``."""
    sigma: float = Field(0.1, gt=0, le=1000)
    """Standard deviation of a pixel: fixed, or to begin with, for the Gaussian likelihoods that have one."""
    conditional: bool = False
    """Give the class to encoder and decoder (CVAE: Sohn et al. 2015)."""

    @field_validator("posterior")
    @classmethod
    def _known_posterior(cls, name: str) -> str:
        return _known(name, POSTERIORS)

    @field_validator("likelihood")
    @classmethod
    def _known_likelihood(cls, name: str) -> str:
        return _known(name, LIKELIHOODS)


def _known(name: str, registry: dict[str, Any]) -> str:
    if name not in registry:
        raise ValueError(f"there are {', '.join(registry)}")
    return name


class ImageEncoder(nn.Module):
    """(B, C, H, W), class -> q(z|x, c)."""

    def __init__(self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.head = POSTERIORS[config.posterior](config.latent_size)
        self.network = ENCODERS[config.network.kind](shape, self.head.outputs, config.network, classes)
        self.register_buffer("mean", torch.zeros(shape))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Posterior:
        q: Posterior = self.head(self.network(x - self.get_buffer("mean"), c))
        return q


class ImageDecoder(nn.Module):
    """(S, B, D), class -> p(x|z, c)."""

    network: Any
    head: Any

    def __init__(self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.head = LIKELIHOODS[config.likelihood](config.sigma)
        raw = (self.head.channels * shape[0], *shape[1:])
        self.network = DECODERS[config.network.kind](raw, config.latent_size, config.network, classes)

    def set_mean(self, raw: Tensor) -> None:
        """Start from these raw parameters (channels, H, W), whatever z is."""
        self.network.set_mean(raw)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Likelihood:
        px: Likelihood = self.head(self.network(z, c))
        return px


class ImageVAE(VAE):
    """A VAE of images.

    Args:
        config: architecture.
        shape: (C, H, W) of an image.
        classes: number of classes of the data; used only if ``config.conditional``.

    Raises:
        ConfigError: a conditional model of data without classes.
    """

    def __init__(self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int = 0) -> None:
        if config.conditional and not classes:
            raise ConfigError("a conditional model needs data with classes: set conditional = false")
        given = classes if config.conditional else 0
        super().__init__(
            ImageEncoder(config, shape, given), StandardNormal(config.latent_size), ImageDecoder(config, shape, given)
        )
        self.config, self.shape, self.classes = config, shape, classes

    # --- what the core asks for -------------------------------------------------------------------------------------

    def posterior(self, x: ImageBatch) -> Posterior:
        q: Posterior = self.encoder(x.pixels, self._condition(x.labels))
        return q

    def likelihood(self, z: Tensor, x: ImageBatch) -> Likelihood:
        px: Likelihood = self.decoder(z, self._condition(x.labels))
        return px

    def target(self, x: ImageBatch) -> Tensor:
        return x.pixels

    def _condition(self, labels: Tensor | None) -> Tensor | None:
        if not self.config.conditional:
            return None
        if labels is None:
            raise InputError("this model is conditional: give the class of every image")
        return nn.functional.one_hot(labels, self.classes).to(self.device, torch.float32)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def set_mean(self, pixels: Tensor) -> None:
        """Centre the encoder's input and start the decoder at the mean image of (N, C, H, W)."""
        mean = pixels.mean(0)
        self.encoder.get_buffer("mean").copy_(mean)
        if self.config.likelihood == "bernoulli":
            clipped = mean.clamp(1e-3, 1 - 1e-3)
            decoder: Any = self.decoder
            decoder.set_mean(clipped.log() - (-clipped).log1p())

    # --- to latent space and back -------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Posterior means of images (n, C, H, W): (n, D)."""
        parts = torch.arange(len(pixels)).split(500)
        return torch.cat([self._encode(pixels[rows], None if labels is None else labels[rows]) for rows in parts])

    def _encode(self, pixels: Tensor, labels: Tensor | None) -> Tensor:
        return self.posterior(ImageBatch(pixels.to(self.device), labels, torch.arange(len(pixels)))).mean.cpu()

    @torch.no_grad()
    def decode(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        noise: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Images (n, C, H, W) at latent points (n, D).

        Args:
            z: latent points.
            labels: (n,) classes, for a conditional model.
            noise: draw from p(x|z) (ancestral sampling) instead of showing its mean.
            generator: randomness of the draw.
        """
        px: Any = self.decoder(z.to(self.device).unsqueeze(0), self._condition(labels))
        return (px.sample(generator) if noise else px.mean).squeeze(0).cpu()

    def sample(
        self, number: int, labels: Tensor | None = None, noise: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Images of z ~ N(0, I): (number, C, H, W)."""
        return self.decode(self.prior.sample((number,), generator), labels, noise, generator)

    def reconstruct(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decoded posterior means, (n, C, H, W)."""
        return self.decode(self.encode(pixels, labels), labels)

    def interpolate(
        self, pixels: Tensor, steps: int = 10, method: Literal["lerp", "slerp"] = "slerp", labels: Tensor | None = None
    ) -> Tensor:
        """A path through two or more images (n, C, H, W), ``steps`` points a stretch: ((n - 1) (steps - 1) + 1, C, H,
        W).

        Raises:
            InputError: fewer than two images.
            ConfigError: fewer than two steps.
        """
        if len(pixels) < 2:
            raise InputError("interpolation needs at least two images")
        if steps < 2:
            raise ConfigError(f"steps is at least 2, not {steps}")
        z, t = self.encode(pixels, labels), torch.linspace(0, 1, steps)
        stretches = [interpolate(z[row], z[row + 1], t, method)[1:] for row in range(len(z) - 1)]
        path = torch.cat([z[:1], *stretches])
        shown = None if labels is None else labels[:1].expand(len(path))
        return self.decode(path, shown)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def save_pretrained(self, folder: str | Path, card: str = "", extra_files: Sequence[str] = ()) -> None:
        """Write a model folder: weights, config, card."""
        settings = {
            "kind": "image-vae",
            "model": self.config.model_dump(mode="json"),
            "shape": list(self.shape),
            "classes": self.classes,
        }
        save_model_folder(Path(folder), self.state_dict(), settings, {"README.md": card} if card else {}, extra_files)

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "auto") -> "ImageVAE":
        """Load a model folder; a run folder of ``molvae images train`` will do.

        Raises:
            CheckpointError: no such model, or its folder is incomplete, damaged or altered.
        """
        path = Path(folder)
        path = path / "model" if (path / "model").is_dir() else path
        tensors, settings = load_model_folder(path)
        if settings.get("kind") != "image-vae":
            raise CheckpointError(f"{path} holds a {settings.get('kind')!r}, not an image-vae")
        channels, height, width = settings["shape"]
        model = cls(ImageVAEConfig.create(settings["model"]), (channels, height, width), settings["classes"])
        try:
            model.load_state_dict(tensors)
        except RuntimeError:
            raise CheckpointError(f"the weights in {path} do not fit its config.json: get the folder again") from None
        return model.to(choose_device(device)).eval()
