"""Encoders and decoders of images: what lies between pixels and a distribution's raw parameters.

Each takes a condition c (one-hot class) beside its input, with any leading dimensions: M2 sums over classes by putting
them in front, c (K, 1, K) beside x (B, C, H, W), and the layers that do not depend on c are computed once.

To add one: a class with the arguments of :class:`MLPEncoder` or :class:`MLPDecoder` and a line in the registries.
"""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from molvae.errors import ConfigError
from molvae.run.config import Config

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


class NetworkConfig(Config):
    """Shape of encoder and decoder."""

    kind: str = "mlp"
    """A name of ``ENCODERS`` and ``DECODERS``: fully connected (``mlp``), strided convolutions (``cnn``), or residual
    blocks with layer normalisation (``resnet``).
    """
    hidden_size: int = Field(200, ge=1, le=16_384)
    """Width of fully connected layers."""
    depth: int = Field(2, ge=1, le=100)
    """Hidden layers (mlp), or residual blocks at each resolution (resnet)."""
    channels: int = Field(32, ge=8, multiple_of=8, le=2048)
    """Feature maps at half resolution; twice as many at a quarter."""
    activation: Literal["tanh", "relu", "silu", "softplus"] = "tanh"

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, name: str) -> str:
        if name not in ENCODERS or name not in DECODERS:
            raise ValueError(f"there are {', '.join(name for name in ENCODERS if name in DECODERS)}")
        return name


class _ConditionedLinear(nn.Module):
    """W x + V c + b; x and c are broadcast against each other, so neither is repeated."""

    def __init__(self, inputs: int, outputs: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.condition = nn.Linear(classes, outputs, bias=False) if classes else None

    def forward(self, x: Tensor, c: Tensor | None) -> Tensor:
        h = self.linear(x)
        return h if self.condition is None or c is None else h + self.condition(c)


def _stack(config: NetworkConfig, layers: int) -> nn.Sequential:
    activation = ACTIVATIONS[config.activation]
    modules: list[nn.Module] = [activation()]
    for _ in range(layers - 1):
        modules += [nn.Linear(config.hidden_size, config.hidden_size), activation()]
    return nn.Sequential(*modules)


class MLPEncoder(nn.Module):
    """(B, C, H, W), (..., B, K) -> (..., B, outputs).

    Args:
        shape: (C, H, W)
        outputs: raw parameters of the posterior.
        config: widths and depth.
        classes: K; 0: no condition.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        self.first = _ConditionedLinear(shape[0] * shape[1] * shape[2], config.hidden_size, classes)
        self.hidden = _stack(config, config.depth)
        self.last = nn.Linear(config.hidden_size, outputs)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return self.last(self.hidden(self.first(x.flatten(-3), c)))


class MLPDecoder(nn.Module):
    """(S, B, D), (..., B, K) -> (S, ..., B, channels, H, W).

    Args:
        shape: (channels, H, W): the channels count every raw parameter of the likelihood.
        inputs: D.
        config: widths and depth.
        classes: K; 0: no condition.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.first = _ConditionedLinear(inputs, config.hidden_size, classes)
        self.hidden = _stack(config, config.depth)
        self.last = nn.Linear(config.hidden_size, shape[0] * shape[1] * shape[2])

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.last(self.hidden(self.first(z, c))).unflatten(-1, self.shape)

    def set_mean(self, raw: Tensor) -> None:
        """Start from this output (channels, H, W), whatever z is."""
        with torch.no_grad():
            self.last.bias.copy_(raw.flatten())


class ResidualBlock(nn.Module):
    """x + f(x), f = conv(act(norm(conv(act(norm x))))) (He et al. 2016, full pre-activation); same shape out as in."""

    def __init__(self, channels: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            # one group: layer normalisation, which on a processor is 20 times faster than eight small groups
            layers += [nn.GroupNorm(1, channels), activation(), nn.Conv2d(channels, channels, 3, padding=1)]
        self.layers = nn.Sequential(*layers)
        last = layers[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        nn.init.zeros_(last.weight)  # a block begins as the identity: deep stacks train from the first step

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class ConvEncoder(nn.Module):
    """Two strided convolutions, with residual blocks after each if ``config.kind`` is ``resnet``; then a linear layer.

    (B, C, H, W), (..., B, K) -> (..., B, outputs); arguments as :class:`MLPEncoder`. H and W are multiples of 4.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        height, width = _quarter(shape)
        activation, c = ACTIVATIONS[config.activation], config.channels
        blocks = config.depth if config.kind == "resnet" else 0
        self.features = nn.Sequential(
            nn.Conv2d(shape[0], c, 5, stride=2, padding=2),
            *(ResidualBlock(c, activation) for _ in range(blocks)),
            activation(),
            nn.Conv2d(c, 2 * c, 3, stride=2, padding=1),
            *(ResidualBlock(2 * c, activation) for _ in range(blocks)),
            activation(),
        )
        self.first = _ConditionedLinear(2 * c * height * width, config.hidden_size, classes)
        self.last = nn.Sequential(activation(), nn.Linear(config.hidden_size, outputs))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        features = self.features(x.to(memory_format=torch.channels_last)).flatten(-3)
        return self.last(self.first(features, c))


class ConvDecoder(nn.Module):
    """A linear layer, then two transposed convolutions with residual blocks before each if ``kind`` is ``resnet``.

    (S, B, D), (..., B, K) -> (S, ..., B, channels, H, W); arguments as :class:`MLPDecoder`. H and W are multiples of 4.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        height, width = _quarter(shape)
        activation, c = ACTIVATIONS[config.activation], config.channels
        blocks = config.depth if config.kind == "resnet" else 0
        self.first = _ConditionedLinear(inputs, config.hidden_size, classes)
        self.grow = nn.Sequential(
            activation(),
            nn.Linear(config.hidden_size, 2 * c * height * width),
            nn.Unflatten(-1, (2 * c, height, width)),
        )
        self.layers = nn.Sequential(
            *(ResidualBlock(2 * c, activation) for _ in range(blocks)),
            activation(),
            nn.ConvTranspose2d(2 * c, c, 4, stride=2, padding=1),
            *(ResidualBlock(c, activation) for _ in range(blocks)),
            activation(),
            nn.ConvTranspose2d(c, c // 2, 4, stride=2, padding=1),
            activation(),
        )
        self.last = nn.Conv2d(c // 2, shape[0], 3, padding=1)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        grown = self.grow(self.first(z, c))
        flat = grown.flatten(0, -4).to(memory_format=torch.channels_last)
        return self.last(self.layers(flat)).unflatten(0, grown.shape[:-3])

    def set_mean(self, raw: Tensor) -> None:
        """Start from the mean over pixels of this output (channels, H, W)."""
        with torch.no_grad():
            bias = self.last.bias
            assert bias is not None
            bias.copy_(raw.mean((-2, -1)))  # one bias a channel is all a convolution has


def _quarter(shape: tuple[int, int, int]) -> tuple[int, int]:
    _, height, width = shape
    if height % 4 or width % 4:
        raise ConfigError(f"convolutional networks need sides that are multiples of 4, not {height} x {width}: use mlp")
    return height // 4, width // 4


ENCODERS: dict[str, Callable[..., nn.Module]] = {"mlp": MLPEncoder, "cnn": ConvEncoder, "resnet": ConvEncoder}
DECODERS: dict[str, Callable[..., nn.Module]] = {"mlp": MLPDecoder, "cnn": ConvDecoder, "resnet": ConvDecoder}
