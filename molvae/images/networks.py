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

from molvae.core.distributions import standard_normal_like
from molvae.core.nn.slot_attention import SlotAttention
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
    """A name of ``ENCODERS`` and ``DECODERS``: fully connected (``mlp``), strided convolutions (``cnn``), residual
    blocks with layer normalisation (``resnet``), strided convolutions with a spatial broadcast decoder
    (``broadcast``), slot attention with such a decoder for each slot (``slots``), or convolutions and residual blocks
    whose code is a grid of vectors (``grid``).
    """
    hidden_size: int = Field(200, ge=1, le=16_384)
    """Width of fully connected layers."""
    depth: int = Field(2, ge=1, le=100)
    """Hidden layers (mlp), residual blocks at each resolution (resnet) or at that of the code (grid), or convolutions
    (broadcast, slots).
    """
    levels: int = Field(2, ge=1, le=8)
    """Of the kind ``grid``: how often sides are halved; ``latent_size`` is a multiple of the positions left."""
    channels: int = Field(32, ge=8, multiple_of=8, le=2048)
    """Feature maps at half resolution, twice as many at a quarter; those of broadcast decoders at full resolution,
    those of a grid everywhere.
    """
    slots: int = Field(4, ge=1, le=100)
    """K, of the kind ``slots``: one for each object and one for the background."""
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

    @torch.no_grad()
    def hidden(self, pixels: Tensor) -> Tensor:
        """What the last layer sees of images (n, C, H, W): (n, hidden_size)."""
        target, parts = self.first.linear.weight.device, []
        for part in pixels.split(1000):
            features = self.features(part.to(target)).flatten(-3)
            parts.append(self.last[0](self.first(features, None)).cpu())
        return torch.cat(parts)


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


class BroadcastDecoder(nn.Module):
    """z at every pixel beside the pixel's coordinates, then convolutions of stride 1 (Watters et al. 2019).

    (S, B, D), (..., B, K) -> (S, ..., B, channels, H, W); arguments as :class:`MLPDecoder`. A layer that tiles z and
    convolves it one by one is a linear map of z plus one of the place, so neither is tiled before it.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        activation, channels = ACTIVATIONS[config.activation], config.channels
        rows, columns = torch.linspace(-1, 1, shape[1]), torch.linspace(-1, 1, shape[2])
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        self.register_buffer("places", places.unsqueeze(0), persistent=False)
        self.first = _ConditionedLinear(inputs, channels, classes)
        self.place = nn.Conv2d(2, channels, 1, bias=False)
        layers: list[nn.Module] = [activation()]
        for _ in range(config.depth):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), activation()]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels, shape[0], 3, padding=1)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        code = self.first(z, c)
        everywhere = code.flatten(0, -2)[..., None, None] + self.place(self.get_buffer("places"))
        pictures = self.last(self.layers(everywhere.to(memory_format=torch.channels_last)))
        return pictures.unflatten(0, code.shape[:-1])

    def set_mean(self, raw: Tensor) -> None:
        """Start from the mean over pixels of this output (channels, H, W)."""
        with torch.no_grad():
            bias = self.last.bias
            assert bias is not None
            bias[: len(raw)] = raw.mean((-2, -1))


class SlotEncoder(nn.Module):
    """Convolutions with the place of each feature, and slots that compete for them (Locatello et al. 2020).

    (B, C, H, W) -> (B, outputs): the raw parameters of one slot after the other. No condition. The slots begin with
    noise of a seed that the image itself gives: a step of training stays a function of its data, and an encoding one of
    its image.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        if classes:
            raise ConfigError("slots are not conditional: set conditional = false and quadrants = 0")
        activation, channels = ACTIVATIONS[config.activation], config.channels
        self.slots, size = config.slots, config.hidden_size
        strides = [2, *[1] * (config.depth - 1)]
        layers: list[nn.Module] = []
        for inputs, stride in zip([shape[0], *[channels] * (config.depth - 1)], strides, strict=True):
            layers += [nn.Conv2d(inputs, channels, 5, stride=stride, padding=2), activation()]
        self.features = nn.Sequential(*layers)
        height, width = -(-shape[1] // 2), -(-shape[2] // 2)
        rows, columns = torch.linspace(0, 1, height), torch.linspace(0, 1, width)
        ramps = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        # distances from all four sides, as in the original
        self.register_buffer("ramps", torch.cat([ramps, 1 - ramps]).flatten(1).t(), persistent=False)
        self.place = nn.Linear(4, channels)
        self.mlp = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, size), nn.ReLU(), nn.Linear(size, size))
        self.attention = SlotAttention(size, 2 * size)
        self.last = nn.Linear(size, outputs // config.slots)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        features = self.features(x.to(memory_format=torch.channels_last)).flatten(-2).transpose(-1, -2)
        inputs = self.mlp(features + self.place(self.get_buffer("ramps")))
        shape = (self.slots, self.attention.size)
        seeds = [int(total * 1e3) for total in x.detach().cpu().double().abs().sum((-3, -2, -1)).tolist()]
        noise = [standard_normal_like(inputs, shape, torch.Generator().manual_seed(seed)) for seed in seeds]
        return self.last(self.attention(inputs, torch.stack(noise))).flatten(1)


class SlotDecoder(nn.Module):
    """A broadcast decoder for each slot, its picture and its mask; the masks compete for each pixel.

    (S, B, K D) -> (S, B, channels, H, W): sum_k m_k mu_k with m = softmax over slots; arguments as
    :class:`MLPDecoder`.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        self.slots = config.slots
        self.decoder = BroadcastDecoder((shape[0] + 1, *shape[1:]), inputs // config.slots, config)

    def components(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (..., K D) -> what each slot draws (..., K, channels, H, W), and its mask (..., K, 1, H, W)."""
        raw = self.decoder(z.unflatten(-1, (self.slots, -1)))
        return raw[..., :-1, :, :], torch.softmax(raw[..., -1:, :, :], -4)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        pictures, masks = self.components(z)
        return (masks * pictures).sum(-4)

    def set_mean(self, raw: Tensor) -> None:
        """Start from the mean over pixels of this output (channels, H, W), in every slot."""
        self.decoder.set_mean(raw)


class GridEncoder(nn.Module):
    """``levels`` strided convolutions, then residual blocks: a code that keeps its place in the image.

    (B, C, H, W) -> (B, outputs), position by position in reading order, as van den Oord et al. 2017, section 4.1. No
    condition.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        height, width = grid_size(shape, config, classes)
        if outputs % (height * width):
            raise ConfigError(f"a code on a grid of {height} x {width} needs a latent_size that is a multiple of that")
        activation, c = ACTIVATIONS[config.activation], config.channels
        layers: list[nn.Module] = []
        for inputs in (shape[0], *[c] * (config.levels - 1)):
            layers += [nn.Conv2d(inputs, c, 4, stride=2, padding=1), activation()]
        blocks = (ResidualBlock(c, activation) for _ in range(config.depth))
        last = nn.Conv2d(c, outputs // (height * width), 1)
        self.features = nn.Sequential(*layers[:-1], *blocks, activation(), last)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        features = self.features(x.to(memory_format=torch.channels_last))
        return features.permute(0, 2, 3, 1).flatten(1)


class GridDecoder(nn.Module):
    """Residual blocks, then ``levels`` transposed convolutions.

    (S, B, D) with D position by position -> (S, B, channels, H, W); arguments as :class:`MLPDecoder`, no condition.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        self.grid = grid_size(shape, config, classes)
        activation, c = ACTIVATIONS[config.activation], config.channels
        blocks = (ResidualBlock(c, activation) for _ in range(config.depth))
        layers: list[nn.Module] = [nn.Conv2d(inputs // (self.grid[0] * self.grid[1]), c, 3, padding=1), *blocks]
        for level in range(config.levels):
            outputs = c if level < config.levels - 1 else c // 2
            layers += [activation(), nn.ConvTranspose2d(c, outputs, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers, activation())
        self.last = nn.Conv2d(c // 2, shape[0], 3, padding=1)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        grid = z.flatten(0, -2).unflatten(-1, (*self.grid, -1)).permute(0, 3, 1, 2)
        return self.last(self.layers(grid)).unflatten(0, z.shape[:-1])

    def set_mean(self, raw: Tensor) -> None:
        """Start from the mean over pixels of this output (channels, H, W)."""
        with torch.no_grad():
            bias = self.last.bias
            assert bias is not None
            bias[: len(raw)] = raw.mean((-2, -1))


def grid_size(shape: tuple[int, int, int], config: NetworkConfig, classes: int = 0) -> tuple[int, int]:
    """Height and width of the grid that a code of the kind ``grid`` is.

    Raises:
        ConfigError: a condition, or sides that cannot be halved so often.
    """
    if classes:
        raise ConfigError("a code on a grid is not conditional: set conditional = false and quadrants = 0")
    _, height, width = shape
    step = 2**config.levels
    if height % step or width % step:
        raise ConfigError(f"{config.levels} levels need sides that are multiples of {step}, not {height} x {width}")
    return height // step, width // step


def _quarter(shape: tuple[int, int, int]) -> tuple[int, int]:
    _, height, width = shape
    if height % 4 or width % 4:
        raise ConfigError(f"convolutional networks need sides that are multiples of 4, not {height} x {width}: use mlp")
    return height // 4, width // 4


ENCODERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLPEncoder,
    "cnn": ConvEncoder,
    "resnet": ConvEncoder,
    "broadcast": ConvEncoder,
    "slots": SlotEncoder,
    "grid": GridEncoder,
}
DECODERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLPDecoder,
    "cnn": ConvDecoder,
    "resnet": ConvDecoder,
    "broadcast": BroadcastDecoder,
    "slots": SlotDecoder,
    "grid": GridDecoder,
}
