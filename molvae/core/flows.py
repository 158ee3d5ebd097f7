"""An invertible map between the codes that a decoder reads and a space in which they are distributed as N(0, I).

With u = f(z), z ~ q(z|x) an ordinary Gaussian and a decoder that begins with f^-1, the bound under the prior
u ~ N(0, I) is that of a VAE whose prior on z is learned, p(z) = N(f(z); 0, I) |det df/dz| (Chen et al. 2017,
"Variational lossy autoencoder"; Dinh et al. 2017): the aggregate posterior need not become Gaussian itself, so a code
can be precise and the prior still fill its space. Seen from outside, latent space is u, and N(0, I) is its prior.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from molvae.core.distributions import Posterior
from molvae.shapes import Codes, PerSample, Samples


class CouplingFlow(nn.Module):
    """Affine coupling layers (Dinh et al. 2017, "Density estimation using Real NVP", eq. 7 and 8).

    Each layer keeps half of the dimensions, and shifts and scales the others by functions of the kept ones. The halves
    take turns: second, first, odd, even dimensions are moved. It starts as the identity, and works in float32 under
    autocast too, since its inverse must be exact.

    Args:
        dimension: D
        layers: number of couplings; four move every dimension twice.
        width: of the two hidden layers of each.
    """

    def __init__(self, dimension: int, layers: int, width: int) -> None:
        super().__init__()
        index = torch.arange(dimension)
        middle = dimension // 2
        patterns = (index >= middle, index < middle, index % 2 == 1, index % 2 == 0)
        self.networks = nn.ModuleList()
        for number in range(layers):
            moved = patterns[number % 4]
            self.register_buffer(f"moved_{number}", index[moved], persistent=False)
            self.register_buffer(f"fixed_{number}", index[~moved], persistent=False)
            size = int(moved.sum())
            last = nn.Linear(width, 2 * size)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.networks.append(
                nn.Sequential(nn.Linear(dimension - size, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last)
            )

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (..., D) -> u = f(z) (..., D), log |det du/dz| (...)."""
        total = torch.zeros_like(z[..., 0])
        with torch.autocast(z.device.type, enabled=False):
            for number in range(len(self.networks)):
                moved, log_scale, shift = self._coupling(number, z)
                z = z.index_copy(-1, moved, z[..., moved] * log_scale.exp() + shift)
                total = total + log_scale.sum(-1)
        return z, total

    def inverse(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """u (..., D) -> z = f^-1(u) (..., D), log |det du/dz| at z (...)."""
        total = torch.zeros_like(u[..., 0])
        with torch.autocast(u.device.type, enabled=False):
            for number in reversed(range(len(self.networks))):
                moved, log_scale, shift = self._coupling(number, u)
                u = u.index_copy(-1, moved, (u[..., moved] - shift) * (-log_scale).exp())
                total = total + log_scale.sum(-1)
        return u, total

    def _coupling(self, number: int, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fixed = z[..., self.get_buffer(f"fixed_{number}")]
        log_scale, shift = self.networks[number](fixed).chunk(2, -1)
        # bounded: one layer scales by at most e^2
        return self.get_buffer(f"moved_{number}"), 2 * torch.tanh(log_scale / 2), shift


@dataclass(frozen=True)
class FlowPosterior:
    """The distribution of u = f(z) with z ~ ``base``. Its KL from a prior has no closed form: it is sampled.

    Attributes:
        base: q(z|x).
        flow: f.
    """

    base: Posterior
    flow: CouplingFlow
    _drawn: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list, repr=False, compare=False)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.base.event_shape

    @property
    def mean(self) -> Codes:
        """f of the mean of z: the point that decodes to what the mean of z decodes to, (B, D)."""
        return self.flow(self.base.mean)[0]

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        code = self.base.rsample(samples, generator)
        u, log_det = self.flow(code)
        self._drawn[:] = [(u, code, log_det)]  # log_prob is asked for at these very points next
        return u

    def codes(self, u: Samples) -> tuple[Samples, PerSample]:
        """z = f^-1(u) (..., D) and log |det du/dz| (...); at once for the points drawn last."""
        known = self._drawn and self._drawn[0][0] is u
        return self._drawn[0][1:] if known else self.flow.inverse(u)

    def log_prob(self, z: Samples) -> PerSample:
        # change of variables: log q(u) = log q(z) - log |det du/dz|
        code, log_det = self.codes(z)
        return self.base.log_prob(code) - log_det
