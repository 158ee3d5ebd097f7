"""A gated PixelCNN: the distribution of a grid of classes, one position after the other in reading order.

van den Oord et al. 2016, "Conditional image generation with PixelCNN decoders": a vertical stack sees all rows above, a
horizontal one what stands to the left, so that there is no blind spot. Here what each may see is decided once, by a
shift of its input by a row or a column; every convolution after it ends at its own position.
"""

import torch
from torch import Tensor, nn

from molvae.core.mixtures import sample_classes


class GatedPixelCNN(nn.Module):
    """p(k) = prod_i p(k_i | k_<i) over a grid of H x W positions with K classes each.

    Args:
        classes: K
        height, width: H, W
        channels: C, feature maps.
        layers: of both stacks; each sees one row and one column further.
    """

    def __init__(self, classes: int, height: int, width: int, channels: int = 64, layers: int = 6) -> None:
        super().__init__()
        self.classes, self.height, self.width = classes, height, width
        self.embedding = nn.Embedding(classes, channels)
        self.place = nn.Parameter(torch.zeros(channels, height, width))  # codes are not the same everywhere
        self.layers = nn.ModuleList(_GatedLayer(channels) for _ in range(layers))
        self.output = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, classes, 1)
        )

    def forward(self, index: Tensor) -> Tensor:
        """(n, H W) -> logits (n, H W, K); those of a position depend on the positions before it only."""
        seen = self.embedding(index.unflatten(-1, (self.height, self.width))).permute(0, 3, 1, 2)
        above = nn.functional.pad(seen, (0, 0, 1, 0))[:, :, :-1] + self.place
        left = nn.functional.pad(seen, (1, 0))[..., :-1] + self.place
        for layer in self.layers:
            above, left = layer(above, left)
        return self.output(left).flatten(2).transpose(1, 2)

    def log_prob(self, index: Tensor) -> Tensor:
        """(n, H W) -> log p(k_i | k_<i), (n, H W)"""
        log_p = torch.log_softmax(self(index).float(), -1)
        return log_p.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    @torch.no_grad()
    def sample(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw grids position by position, (number, H W)."""
        index = torch.zeros(number, self.height * self.width, dtype=torch.int64, device=self.place.device)
        for position in range(self.height * self.width):
            index[:, position] = sample_classes(self(index)[:, position], generator)
        return index


class _GatedLayer(nn.Module):
    """tanh(a) s(b) in both stacks; the vertical feeds the horizontal, which is a sum of residuals (figure 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(channels, 2 * channels, (2, 3))
        self.horizontal = nn.Conv2d(channels, 2 * channels, (1, 2))
        self.down = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, above: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        vertical = self.vertical(nn.functional.pad(above, (1, 1, 1, 0)))
        horizontal = self.horizontal(nn.functional.pad(left, (1, 0))) + self.down(vertical)
        return _gated(vertical), left + self.out(_gated(horizontal))


def _gated(raw: Tensor) -> Tensor:
    value, gate = raw.chunk(2, 1)
    return torch.tanh(value) * torch.sigmoid(gate)
