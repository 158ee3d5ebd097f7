"""The VAE of images: encoder, prior and likelihood chosen by name, with or without class labels.

It is :class:`molvae.core.vae.VAE` with pixels for x; bounds, objectives, the training loop and the samplers are the
core's.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from molvae.core.codebook import Codebook, Quantised
from molvae.core.distributions import Likelihood, Posterior, Prior
from molvae.core.heads import LIKELIHOODS, POSTERIORS
from molvae.core.pretrained import Pretrained
from molvae.core.priors import PRIORS
from molvae.core.sampling import interpolate
from molvae.core.slot_mixture import MASKS, AttendedSlots, SlotMixture
from molvae.core.terms import Terms
from molvae.errors import ConfigError, InputError
from molvae.images.batches import ImageBatch, in_order
from molvae.images.codebooks import CodebookConfig, CodePriorConfig, code_prior
from molvae.images.completion import GUESS, Completion, HiddenPart
from molvae.images.datasets import ImageSplit
from molvae.images.networks import DECODERS, ENCODERS, SLOTTED, NetworkConfig, grid_size
from molvae.run.config import Config, one_of


class ImageVAEConfig(Config):
    """Which VAE."""

    latent_size: int = Field(50, ge=1, le=10_000)
    """D"""
    network: NetworkConfig = NetworkConfig()
    posterior: Annotated[str, one_of(POSTERIORS)] = "diagonal_gaussian"
    """A name of ``core.heads.POSTERIORS``."""
    prior: Annotated[str, one_of(PRIORS)] = "standard_normal"
    """A name of ``core.priors.PRIORS``."""
    categories: int | None = Field(None, ge=2, le=10_000)
    """Classes of each variable of a discrete code, which has ``latent_size / categories`` variables; with the posterior
    ``categorical`` and the prior ``uniform_categorical``.
    """
    likelihood: Annotated[str, one_of(LIKELIHOODS)] = "bernoulli"
    """A name of ``core.heads.LIKELIHOODS``."""
    sigma: float = Field(0.1, gt=0, le=1000)
    """Standard deviation of a pixel: fixed, or to begin with, for the Gaussian likelihoods that have one."""
    background_sigma: float | None = Field(None, gt=0, le=1000)
    """Of the first slot of the network ``monet``, which takes the background if this is the smaller; default: as the
    others.
    """
    conditional: bool = False
    """Give the class to encoder and decoder (CVAE: Sohn et al. 2015)."""

    codebook: CodebookConfig | None = None
    """Of a vector-quantised model, in the place of posterior and prior; with the network ``grid``."""

    quadrants: int = Field(0, ge=0, le=3)
    """So many quadrants of an image are given and the others are predicted, with a learned prior p(z|x) (structured
    output: Sohn et al. 2015); 0: the whole image is modelled.
    """

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if self.quadrants and (self.conditional or self.prior != "standard_normal" or self.categories is not None):
            raise ValueError(
                "with quadrants the condition is what is given, and the prior p(z|x): leave out conditional, prior and "
                "categories"
            )
        return self

    @model_validator(mode="after")
    def _codes_on_a_grid(self) -> Self:
        others = self.posterior != "diagonal_gaussian" or self.prior != "standard_normal" or self.categories is not None
        if self.codebook is not None and (others or self.network.kind != "grid"):
            raise ValueError(
                "a codebook is posterior and prior in one, on a grid: leave out posterior, prior and categories, and "
                "set network.kind to grid"
            )
        if self.network.kind == "grid" and (self.conditional or self.quadrants):
            raise ValueError("a code on a grid is not conditional: leave out conditional and quadrants")
        return self

    @model_validator(mode="after")
    def _two_layers(self) -> Self:
        if self.network.kind != "layered":
            return self
        pictures = self.likelihood in ("gaussian_shared_sigma", "gaussian_fixed_sigma")
        if not pictures or self.latent_size < 2 or self.posterior != "diagonal_gaussian":
            raise ValueError(
                "layers are pictures and share the code: they need latent_size 2 or more, the posterior "
                "diagonal_gaussian and the likelihood gaussian_shared_sigma or gaussian_fixed_sigma"
            )
        return self

    @model_validator(mode="after")
    def _all_or_nothing_discrete(self) -> Self:
        discrete = (self.posterior == "categorical", self.prior == "uniform_categorical", self.categories is not None)
        if any(discrete) and not all(discrete):
            raise ValueError(
                "a discrete code needs all of posterior = 'categorical', prior = 'uniform_categorical' and categories"
            )
        slots = self.network.slots if self.slotted else 1
        if self.slotted and (self.conditional or self.quadrants):
            raise ValueError("slots are not conditional: leave out conditional and quadrants")
        if self.latent_size % slots or (slots > 1 and self.posterior not in ("diagonal_gaussian", "point_mass")):
            raise ValueError(
                f"{slots} slots need a latent_size that is a multiple of their number, and the posterior "
                "diagonal_gaussian or point_mass"
            )
        monet = self.network.kind == "monet"
        if monet and (self.posterior != "diagonal_gaussian" or not self.likelihood.startswith("gaussian")):
            raise ValueError("the network monet has the posterior diagonal_gaussian and a Gaussian likelihood")
        if self.background_sigma is not None and not (monet and self.likelihood == "gaussian_fixed_sigma"):
            raise ValueError(
                "background_sigma is of the network monet with the likelihood gaussian_fixed_sigma: leave it out"
            )
        if self.categories is not None and self.latent_size % self.categories:
            raise ValueError(f"latent_size {self.latent_size} is not a multiple of categories, {self.categories}")
        return self

    @property
    def slotted(self) -> bool:
        """Whether a code is a set of slots."""
        return self.network.kind in SLOTTED

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Of a code: (D,), (N, C) if it is discrete, or (K, D) if it is a set of slots."""
        if self.categories is not None:
            return self.latent_size // self.categories, self.categories
        if self.slotted:
            return self.network.slots, self.latent_size // self.network.slots
        return (self.latent_size,)


class ImageEncoder(nn.Module):
    """(B, C, H, W), class -> q(z|x, c)."""

    def __init__(self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.parts = config.event_shape if config.slotted else None
        self.attends = config.network.kind == "monet"
        if config.network.kind == "grid":
            height, width = grid_size(shape, config.network, classes)
            if config.latent_size % (height * width):
                raise ConfigError(
                    f"a code on a grid of {height} x {width} needs a latent_size that is a multiple of "
                    f"{height * width}, not {config.latent_size}"
                )
            self.parts = height * width, config.latent_size // (height * width)
        self.codebook: Codebook | None = None
        outputs: Any = config.latent_size
        if config.codebook is not None and self.parts is not None:
            self.codebook = Codebook(
                config.codebook.size, self.parts[1], config.codebook.average, config.codebook.revive
            )
        else:
            head = POSTERIORS[config.posterior](*config.event_shape)
            self.head, outputs = head, head.outputs
        self.network = ENCODERS[config.network.kind](shape, outputs, config.network, classes)
        self.register_buffer("mean", torch.zeros(shape))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Posterior:
        x = x - self.get_buffer("mean")
        network: Any = self.network
        log_masks = network.attend(x) if self.attends else None
        raw = network(x, c) if log_masks is None else network.describe(x, log_masks)
        if self.codebook is not None and self.parts is not None:
            quantised: Posterior = self.codebook(raw.float().unflatten(-1, self.parts))
            return quantised
        if self.parts is not None:
            # slot by slot, or position by position, as it comes; the head wants each parameter of all of them
            raw = raw.unflatten(-1, (self.parts[0], -1, self.parts[1])).transpose(-3, -2).flatten(-3)
        q = self.head(raw)
        return q if log_masks is None else AttendedSlots(q.mu, q.log_var, q.shape, log_masks=log_masks)


class ImageDecoder(nn.Module):
    """(S, B, D), condition -> p(x|z, c), of the hidden pixels only if some are given."""

    network: Any
    head: Any

    def __init__(
        self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int, hidden: HiddenPart | None = None
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.head = LIKELIHOODS[config.likelihood](config.sigma)
        raw = (self.head.channels * shape[0], *shape[1:])
        self.network = DECODERS[config.network.kind](raw, config.latent_size, config.network, classes)
        self.mixes = config.network.kind == "monet"
        narrower = torch.zeros(config.network.slots, 1, 1, 1)  # log sigma^2 of each slot, less that of the others
        if config.background_sigma is not None:
            narrower[0] = 2 * math.log(config.background_sigma / config.sigma)
        self.register_buffer("narrower", narrower, persistent=False)

    def set_mean(self, raw: Tensor) -> None:
        """Start from these raw parameters (channels, H, W), whatever z is."""
        self.network.set_mean(raw)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Likelihood:
        if self.mixes:
            pictures, log_masks = self.network.parts(z)
            slots = self.head(pictures)
            return SlotMixture(slots.mu, slots.log_var + self.get_buffer("narrower"), log_masks)
        raw = self.network(z, c)
        px: Likelihood = self.head(raw if self.hidden is None else self.hidden(raw))
        return px


class ImageVAE(Pretrained):
    """A VAE of images.

    Args:
        config: architecture.
        shape: (C, H, W) of an image.
        classes: number of classes of the data; used only if ``config.conditional``.

    Raises:
        ConfigError: a conditional model of data without classes.
    """

    kind: ClassVar[str] = "image-vae"
    config: ImageVAEConfig

    def __init__(self, config: ImageVAEConfig, shape: tuple[int, int, int], classes: int = 0) -> None:
        if config.conditional and not classes:
            raise ConfigError("a conditional model needs data with classes: set conditional = false")
        given = classes if config.conditional else math.prod(shape) if config.quadrants else 0
        hidden = HiddenPart(config.quadrants, *shape[1:]) if config.quadrants else None
        encoder = ImageEncoder(config, shape, given)
        prior: Prior = PRIORS[config.prior](*config.event_shape)
        if encoder.codebook is not None and config.codebook is not None:
            prior = code_prior(encoder.codebook, config.codebook, grid_size(shape, config.network))
        super().__init__(encoder, prior, ImageDecoder(config, shape, given, hidden))
        self.config, self.shape, self.classes = config, shape, classes
        self.completion: Completion | None = None
        if hidden is not None:
            network = partial(ENCODERS[config.network.kind], config=config.network)
            head = LIKELIHOODS[config.likelihood](config.sigma)
            self.completion = Completion(hidden, shape, config.latent_size, network, head)

    # --- what the core asks for -------------------------------------------------------------------------------------

    def posterior(self, x: ImageBatch) -> Posterior:
        q: Posterior = self.encoder(x.pixels, self._condition(x.labels, x.pixels))
        return q

    def prior_for(self, x: ImageBatch) -> Prior:
        return self.prior if self.completion is None else self.completion.prior(self.completion.condition(x.pixels))

    def likelihood(self, z: Tensor, x: ImageBatch) -> Likelihood:
        px: Likelihood = self.decoder(z, self._condition(x.labels, x.pixels))
        return px

    def target(self, x: ImageBatch) -> Tensor:
        return x.pixels if self.completion is None else self.completion.hidden(x.pixels)

    def auxiliary(self, x: ImageBatch, z: Tensor) -> dict[str, Tensor]:
        if self.completion is None:
            return {}
        return {GUESS: self.completion.guess(x.pixels).log_prob(self.target(x))}

    def dream(self, x: ImageBatch, generator: torch.Generator | None = None) -> tuple[ImageBatch, Tensor]:
        with torch.no_grad():
            z = self.prior.sample((len(x),), generator).to(self.device)
            px: Any = self.likelihood(z.unsqueeze(0), x)
            return replace(x, pixels=px.sample(generator).squeeze(0)), z

    def terms(self, x: Any, *args: Any, **kwargs: Any) -> Terms:
        terms = super().terms(x, *args, **kwargs)
        if isinstance(terms.q, Quantised):
            return replace(terms, aux={**terms.aux, **terms.q.losses()})
        if isinstance(terms.q, AttendedSlots):
            aux = {**terms.aux, MASKS: terms.q.mask_agreement(terms.px)}
            if not self.training:
                return replace(terms, aux=aux)  # p(x|z) with the decoder's own masks: the bound is one
            # the masks of the encoder learn from what each slot explains (Burgess et al. 2019, eq. 3)
            px = terms.px.with_masks(terms.q.log_masks)
            return replace(terms, px=px, log_px=px.log_prob(self.target(x)), aux=aux)
        return terms

    def _condition(self, labels: Tensor | None, pixels: Tensor | None) -> Tensor | None:
        if self.completion is not None:
            if pixels is None:
                raise InputError("this model completes images: give those whose quadrants are known")
            return self.completion.condition(pixels.to(self.device)).flatten(1)
        if not self.config.conditional:
            return None
        if labels is None:
            raise InputError("this model is conditional: give the class of every image")
        if labels.is_floating_point():
            return labels  # already weights of the classes
        return nn.functional.one_hot(labels, self.classes).to(self.device, torch.float32)

    def set_mean(self, pixels: Tensor) -> None:
        """Centre the encoder's input and start the decoder at the mean image of (N, C, H, W)."""
        mean = pixels.mean(0)
        self.encoder.get_buffer("mean").copy_(mean)
        if self.config.likelihood == "bernoulli":
            clipped = mean.clamp(1e-3, 1 - 1e-3)
            decoder: Any = self.decoder
            decoder.set_mean(clipped.log() - (-clipped).log1p())
        if self.config.network.kind == "layered":
            decoder = self.decoder
            decoder.set_mean(mean)
        if self.config.likelihood == "discretised_logistic":
            decoder = self.decoder
            decoder.set_mean(torch.cat([mean - 0.5, torch.zeros_like(mean)]))

    # --- to latent space and back -------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Posterior means of images (n, C, H, W): (n, D)."""
        batches = in_order(ImageSplit(pixels, labels), 500)
        return torch.cat([self.posterior(batch.to(self.device)).mean.cpu() for batch in batches])

    @torch.no_grad()
    def decode(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        noise: bool = False,
        generator: torch.Generator | None = None,
        given: Tensor | None = None,
    ) -> Tensor:
        """Images (n, C, H, W) at latent points (n, D).

        Args:
            z: latent points.
            labels: (n,) classes, for a conditional model.
            noise: draw from p(x|z) (ancestral sampling) instead of showing its mean.
            generator: randomness of the draw.
            given: (n, C, H, W), for a model that completes images: those whose given quadrants are kept.
        """
        px: Any = self.decoder(z.to(self.device).unsqueeze(0), self._condition(labels, given))
        images: Tensor = (px.sample(generator) if noise else px.mean).squeeze(0)
        if self.completion is not None and given is not None:
            images = self.completion.hidden.filled(given.to(images), images)
        return images.cpu()

    @torch.no_grad()
    def sample(
        self,
        number: int,
        labels: Tensor | None = None,
        noise: bool = False,
        generator: torch.Generator | None = None,
        given: Tensor | None = None,
    ) -> Tensor:
        """Images of z ~ p(z): (number, C, H, W).

        A model that completes images draws z ~ p(z|x) for each of the images ``given`` (number, C, H, W).
        """
        if self.completion is None:
            return self.decode(self.prior.sample((number,), generator), labels, noise, generator)
        if given is None or len(given) != number:
            raise InputError(f"this model completes images: give {number} whose quadrants are known")
        (batch,) = in_order(ImageSplit(given), number)
        z = self.prior_for(batch.to(self.device)).sample((), generator)
        return self.decode(z, labels, noise, generator, given)

    def reconstruct(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decoded posterior means, (n, C, H, W)."""
        return self.decode(self.encode(pixels, labels), labels, given=pixels)

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
        if self.codebook is not None:  # between two codes there is nothing: the nearest code at each position
            points = path.to(self.device).unflatten(-1, (-1, self.codebook.dimensions))
            path = self.codebook.look_up(self.codebook.nearest(points)).detach().flatten(-2)
        shown = None if labels is None else labels[:1].expand(len(path))
        return self.decode(path, shown, given=pixels[:1].expand(len(path), -1, -1, -1))

    @property
    def codebook(self) -> Codebook | None:
        """Of a vector-quantised model."""
        book: Codebook | None = self.encoder.codebook  # type: ignore[assignment]
        return book

    @torch.no_grad()
    def codes(self, pixels: Tensor) -> Tensor:
        """Which code stands at each position, of images (n, C, H, W): (n, N) int64.

        Raises:
            ConfigError: a model without a codebook.
        """
        if self.codebook is None:
            raise ConfigError("this model has no codebook: it was trained without model.codebook")
        rows = []
        for batch in in_order(ImageSplit(pixels), 500):
            q = self.posterior(batch.to(self.device))
            assert isinstance(q, Quantised)
            rows.append(q.index.cpu())
        return torch.cat(rows)

    def with_prior(self, network: nn.Module | None, settings: CodePriorConfig | None) -> "ImageVAE":
        """The same weights with another prior over the codes: one that was learned, or with None the uniform one.

        Raises:
            ConfigError: a model without a codebook.
        """
        if self.config.codebook is None:
            raise ConfigError("this model has no codebook: it was trained without model.codebook")
        book = self.config.codebook.model_copy(update={"prior": settings})
        model = type(self)(self.config.model_copy(update={"codebook": book}), self.shape, self.classes)
        weights = {name: value for name, value in self.state_dict().items() if not name.startswith("prior.")}
        if network is not None:
            weights |= {f"prior.network.{name}": value for name, value in network.state_dict().items()}
        model.load_state_dict(weights)
        return model.to(self.device).eval()

    def with_slots(self, slots: int) -> "ImageVAE":
        """The same weights with another number of slots: a set has no fixed size (Locatello et al. 2020).

        Raises:
            ConfigError: a model without slots.
        """
        if not self.config.slotted:
            raise ConfigError(f"this model has no slots: its network is {self.config.network.kind!r}")
        network = self.config.network.model_copy(update={"slots": slots})
        latent_size = self.latent_size // self.config.network.slots * slots
        config = self.config.model_copy(update={"network": network, "latent_size": latent_size})
        model = type(self)(config, self.shape, self.classes)
        model.load_state_dict(self.state_dict())
        return model.to(self.device).eval()

    @torch.no_grad()
    def components(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """What each slot draws of images (n, C, H, W): (n, K, C, H, W), and its mask (n, K, 1, H, W): the decoder's, or
        where the encoder attends to one slot after the other (``monet``), its own.

        Raises:
            ConfigError: a model without slots.
        """
        if not self.config.slotted:
            raise ConfigError(f"this model has no slots: its network is {self.config.network.kind!r}")
        network: Any = self.decoder.get_submodule("network")
        parts = []
        for batch in in_order(ImageSplit(pixels), 250):
            q = self.posterior(batch.to(self.device))
            drawn, masks = network.components(q.mean)
            masks = q.log_masks.exp() if isinstance(q, AttendedSlots) else masks
            parts.append((drawn[:, :, : self.shape[0]].cpu(), masks.cpu()))
        pictures, masks = (torch.cat(side) for side in zip(*parts, strict=True))
        return pictures, masks

    # --- keeping ------------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "shape": list(self.shape), "classes": self.classes}

    @classmethod
    def build(cls, settings: Mapping[str, Any], folder: Path) -> Self:
        channels, height, width = settings["shape"]
        return cls(ImageVAEConfig.create(settings["model"]), (channels, height, width), settings["classes"])
