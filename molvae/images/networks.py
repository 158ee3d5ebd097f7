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
    (``broadcast``), slot attention with such a decoder for each slot (``slots``), masks that are attended to one after
    the other with such a decoder for each (``monet``), convolutions and residual blocks whose code is a grid of vectors
    (``grid``), or those of ``cnn`` twice, for a foreground that the condition speaks of and a background behind it
    (``layered``).
    """
    hidden_size: int = Field(200, ge=1, le=16_384)
    """Width of fully connected layers."""
    depth: int = Field(2, ge=1, le=100)
    """Hidden layers (mlp), residual blocks at each resolution (resnet) or at that of the code (grid), or convolutions
    (broadcast, slots; of monet those of the decoder).
    """
    levels: int = Field(2, ge=1, le=8)
    """Of the kinds ``grid`` and ``monet``: how often sides are halved; for a grid ``latent_size`` is a multiple of the
    positions left.
    """
    channels: int = Field(32, ge=8, multiple_of=8, le=2048)
    """Feature maps at half resolution, twice as many at a quarter; those of broadcast decoders at full resolution,
    those of a grid everywhere.
    """
    kernel: Literal[3, 5] = 3
    """Side of the convolutions of broadcast decoders."""
    slots: int = Field(4, ge=1, le=100)
    """K, of the kinds ``slots`` and ``monet``: one for each object and one for the background."""
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
            layers += [nn.Conv2d(channels, channels, config.kernel, padding=config.kernel // 2), activation()]
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


class _UNet(nn.Module):
    """(B, inputs, H, W) -> (B, 1, H, W): down and up again, each way past the other's features (Ronneberger et al.
    2015), with fully connected layers at the bottom, which see the whole image.
    """

    def __init__(self, shape: tuple[int, int, int], grid: tuple[int, int], config: NetworkConfig) -> None:
        super().__init__()
        activation, c = ACTIVATIONS[config.activation], config.channels
        widths = _widths(config.levels + 1, c)
        inputs = [shape[0], *widths[:-1]]

        def block(before: int, after: int, stride: int = 1) -> nn.Module:
            convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1)
            return nn.Sequential(convolution, nn.GroupNorm(1, after), activation())

        self.down = nn.ModuleList(
            block(*sizes, stride=2 if level else 1) for level, sizes in enumerate(zip(inputs, widths, strict=True))
        )
        bottom = widths[-1] * grid[0] * grid[1]
        self.bottom = nn.Sequential(
            nn.Flatten(),
            nn.Linear(bottom, config.hidden_size),
            activation(),
            nn.Linear(config.hidden_size, bottom),
            activation(),
            nn.Unflatten(-1, (widths[-1], *grid)),
        )
        ups = list(zip(widths[::-1], [*widths[-2::-1], c], strict=True))
        self.up = nn.ModuleList(block(2 * before, after) for before, after in ups)
        self.last = nn.Conv2d(c, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        passed = []
        for block in self.down:
            x = block(x)
            passed.append(x)
        x = self.bottom(x)
        for level, block in enumerate(self.up):
            beside = passed.pop()
            if level:
                x = nn.functional.interpolate(x, size=beside.shape[-2:], mode="nearest")
            x = block(torch.cat([x, beside], 1))
        return self.last(x)


def _widths(number: int, channels: int) -> list[int]:
    """Feature maps of so many layers: twice as many in the second half."""
    return [channels if layer < (number + 1) // 2 else 2 * channels for layer in range(number)]


def _keep_variance(layers: nn.Module) -> None:
    """Weights that pass differences on undiminished (He et al. 2015). Those of torch shrink them at every layer, and
    slots that are hardly told apart learn to say nothing.
    """
    for layer in layers.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


LOG_MASK_FLOOR = -4.0
"""Masks are shown to networks as logarithms, and as no less than this: colours, from 0 to 1, would not be seen beside
large numbers.
"""


class MonetEncoder(nn.Module):
    """An attention network that takes one part of the image after the other, and an encoder of each (Burgess et al.
    2019).

        s_0 = 1, m_k = s_(k-1) a(x, s_(k-1)), s_k = s_(k-1) (1 - a(x, s_(k-1))), m_K = s_(K-1)

    (B, C, H, W) -> (B, outputs): the raw parameters of one slot after the other. No condition.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        if classes:
            raise ConfigError("slots are not conditional: set conditional = false and quadrants = 0")
        grid = halved(shape, config.levels)
        self.slots, seen = config.slots, (shape[0] + 1, *shape[1:])
        self.attention = _UNet(seen, grid, config)
        activation, widths = ACTIVATIONS[config.activation], _widths(config.levels, config.channels)
        layers: list[nn.Module] = []
        for inputs, width in zip([seen[0], *widths[:-1]], widths, strict=True):
            layers += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), activation()]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * grid[0] * grid[1], config.hidden_size), activation()]
        self.layers = nn.Sequential(*layers)
        _keep_variance(self.layers)
        self.last = nn.Linear(config.hidden_size, outputs // config.slots)

    def attend(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> log of the masks (B, K, 1, H, W), which sum to one at every pixel."""
        log_scope = torch.zeros_like(x[:, :1])
        log_masks = []
        for _ in range(self.slots - 1):
            raw = self.attention(torch.cat([x, log_scope.clamp(min=LOG_MASK_FLOOR)], 1)).float()
            log_masks.append(log_scope + nn.functional.logsigmoid(raw))
            log_scope = log_scope + nn.functional.logsigmoid(-raw)
        return torch.stack([*log_masks, log_scope], 1)

    def describe(self, x: Tensor, log_masks: Tensor) -> Tensor:
        """x (B, C, H, W), log of the masks (B, K, 1, H, W) -> (B, outputs)."""
        images = x.unsqueeze(1).expand(-1, self.slots, -1, -1, -1)
        seen = torch.cat([images, log_masks.clamp(min=LOG_MASK_FLOOR)], 2).flatten(0, 1)
        return self.last(self.layers(seen)).unflatten(0, (-1, self.slots)).flatten(1)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return self.describe(x, self.attend(x))


class MonetDecoder(SlotDecoder):
    """That of slot attention, but what a slot draws is kept apart from the others by :meth:`parts`."""

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__(shape, inputs, config, classes)
        _keep_variance(self.decoder.layers)

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (..., K D) -> what each slot draws (..., K, channels, H, W), and the log of its mask (..., K, 1, H, W)."""
        raw = self.decoder(z.unflatten(-1, (self.slots, -1)))
        return raw[..., :-1, :, :], torch.log_softmax(raw[..., -1:, :, :].float(), -4)


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


class LayeredEncoder(nn.Module):
    """Convolutions, then the code of a foreground, and given that the code of a background (disCVAE: Yan et al. 2016).

    (B, C, H, W), (..., B, K) -> (..., B, outputs) with ``outputs = 2 D``: means and then log variances, each of the
    foreground before the background, which has a quarter of the code. The background sees the mean of the foreground's
    code where the paper gives it a draw: so q stays one diagonal Gaussian.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        front, behind = _layer_sizes(outputs // 2)
        self.foreground = ConvEncoder(shape, 2 * front, config, classes)
        height, width = _quarter(shape)
        self.first = _ConditionedLinear(2 * config.channels * height * width, config.hidden_size, classes + front)
        self.last = nn.Sequential(ACTIVATIONS[config.activation](), nn.Linear(config.hidden_size, 2 * behind))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        front = self.foreground
        features = front.features(x.to(memory_format=torch.channels_last)).flatten(-3)
        mean, log_var = front.last(front.first(features, c)).chunk(2, -1)
        given = mean if c is None else torch.cat([c.expand(*mean.shape[:-1], -1), mean], -1)
        behind, behind_log_var = self.last(self.first(features, given)).chunk(2, -1)
        return torch.cat([mean, behind, log_var, behind_log_var], -1)


class LayeredDecoder(nn.Module):
    """A foreground with a gate, which the condition speaks of, before a background, which it does not reach.

    (S, B, D), (..., B, K) -> (S, ..., B, channels, H, W): g * foreground(z_F, c) + (1 - g) * background(z_B), g from 0
    to 1 for each pixel (Yan et al. 2016); arguments as :class:`MLPDecoder`. Both layers are pictures, with values from
    0 to 1: else the gate would be one more factor of each, and mean nothing.
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int, config: NetworkConfig, classes: int = 0) -> None:
        super().__init__()
        self.sizes = _layer_sizes(inputs)
        self.foreground = ConvDecoder((shape[0] + 1, *shape[1:]), self.sizes[0], config, classes)
        # what lies behind is simpler than what stands in front of it
        simpler = config.model_copy(update={"channels": max(2, config.channels // 4)})
        self.background = ConvDecoder(shape, self.sizes[1], simpler)

    def layers(self, z: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Foreground and background, both (..., channels, H, W), and the gate (..., 1, H, W)."""
        front, behind = z.split(self.sizes, -1)
        raw = torch.sigmoid(self.foreground(front, c))
        return raw[..., :-1, :, :], torch.sigmoid(self.background(behind)), raw[..., -1:, :, :]

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        foreground, background, gate = self.layers(z, c)
        return gate * foreground + (1 - gate) * background

    def set_mean(self, raw: Tensor) -> None:
        """Start from the mean over pixels of this picture (channels, H, W), in both layers."""
        logits = torch.logit(raw.mean((-2, -1), keepdim=True).expand_as(raw), eps=1e-3)
        self.foreground.set_mean(torch.cat([logits, torch.zeros_like(logits[:1])]))
        self.background.set_mean(logits)


def _layer_sizes(size: int) -> tuple[int, int]:
    """Of the codes of foreground and background."""
    behind = max(1, size // 4)
    return size - behind, behind


def grid_size(shape: tuple[int, int, int], config: NetworkConfig, classes: int = 0) -> tuple[int, int]:
    """Height and width of the grid that a code of the kind ``grid`` is.

    Raises:
        ConfigError: a condition, or sides that cannot be halved so often.
    """
    if classes:
        raise ConfigError("a code on a grid is not conditional: set conditional = false and quadrants = 0")
    return halved(shape, config.levels)


def halved(shape: tuple[int, int, int], levels: int) -> tuple[int, int]:
    """Height and width after ``levels`` halvings.

    Raises:
        ConfigError: sides that cannot be halved so often.
    """
    _, height, width = shape
    step = 2**levels
    if height % step or width % step:
        raise ConfigError(f"{levels} levels need sides that are multiples of {step}, not {height} x {width}")
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
    "monet": MonetEncoder,
    "grid": GridEncoder,
    "layered": LayeredEncoder,
}
DECODERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLPDecoder,
    "cnn": ConvDecoder,
    "resnet": ConvDecoder,
    "broadcast": BroadcastDecoder,
    "slots": SlotDecoder,
    "monet": MonetDecoder,
    "grid": GridDecoder,
    "layered": LayeredDecoder,
}
SLOTTED = ("slots", "monet")
"""Kinds whose code is a set of ``NetworkConfig.slots`` slots."""
