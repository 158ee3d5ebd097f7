"""Denoising diffusion (Ho, Jain & Abbeel 2020): a hierarchical VAE whose q is fixed and adds noise step by step.

    q(x_t | x_0) = N(sqrt(a_t) x_0, (1 - a_t) I),  a_t = prod_s (1 - b_s)                        eq. 4
    mu(x_t, t)   = (x_t - b_t / sqrt(1 - a_t) eps(x_t, t)) / sqrt(1 - b_t)                       eq. 11
    L_simple     = E |eps - eps(sqrt(a_t) x_0 + sqrt(1 - a_t) eps, t)|^2                         eq. 14
    log p(x_0)  >= log p(x_0|x_1) - sum_t KL(q(x_(t-1)|x_t, x_0) || p(x_(t-1)|x_t)) - KL(q(x_T|x_0) || N(0, I))   eq. 5

What is trained is L_simple, a bound with other weights. Images are from 0 to 1 outside, from -1 to 1 inside.
"""

import math

import torch
from torch import Tensor, nn

from molvae.core.distributions import standard_normal_like
from molvae.errors import ConfigError

_LEVELS = 256


class Diffusion(nn.Module):
    """eps(x_t, t), and what is made of it.

    Args:
        shape: (C, H, W); sides are multiples of 4.
        channels: of the network at half resolution, twice as many at a quarter.
        steps: T. The variances b_t rise linearly, and are those of 1,000 steps in the paper shared out over T.
    """

    alpha_bar: Tensor
    beta: Tensor

    def __init__(self, shape: tuple[int, int, int], channels: int = 32, steps: int = 200) -> None:
        super().__init__()
        self.shape, self.steps = shape, steps
        self.network = NoiseNetwork(shape, channels)
        beta = (torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps).clamp(max=0.5)
        self.register_buffer("beta", beta.float(), persistent=False)
        self.register_buffer("alpha_bar", torch.cumprod(1 - beta, 0).float(), persistent=False)

    def noisy(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t of images x (B, C, H, W) in [-1, 1]; t (B,) counts from 0."""
        a = self.alpha_bar[t].view(-1, 1, 1, 1)
        return a.sqrt() * x + (1 - a).sqrt() * noise

    def objective(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """-L_simple of images (B, C, H, W) in [0, 1] at one t each, (B,): summed over values."""
        x = 2 * pixels - 1
        t = torch.randint(self.steps, (len(x),), generator=generator).to(x.device)
        noise = standard_normal_like(x, tuple(x.shape), generator)
        squared = (noise - self.network(self.noisy(x, t, noise), t)).square()
        return -squared.flatten(1).sum(-1)

    @torch.no_grad()
    def bound(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Lower bound of log p of images (B, C, H, W) with 256 grey values, (B,) in nats: every step, one draw each."""
        x = 2 * pixels - 1
        a = self.alpha_bar[-1]
        total = -0.5 * (a * x.square() - a - torch.log1p(-a)).flatten(1).sum(-1)  # KL(q(x_T|x_0) || N(0, I))
        for t in range(self.steps - 1, 0, -1):
            at = torch.full((len(x),), t, device=x.device)
            noise = standard_normal_like(x, tuple(x.shape), generator)
            guess = self.network(self.noisy(x, at, noise), at)
            total = total - self._weight(t) * (noise - guess).square().flatten(1).sum(-1)
        first = torch.zeros(len(x), dtype=torch.long, device=x.device)
        noise = standard_normal_like(x, tuple(x.shape), generator)
        mean, sigma = self._mean(self.noisy(x, first, noise), first), self.beta[0].sqrt()
        return total + _log_mass(x, mean, sigma).flatten(1).sum(-1)

    def _weight(self, t: int) -> float:
        """KL(q || p) at step t is this times |eps - eps(x_t, t)|^2: both have the variance of q(x_(t-1) | x_t, x_0)."""
        beta, a, before = (float(part) for part in (self.beta[t], self.alpha_bar[t], self.alpha_bar[t - 1]))
        variance = beta * (1 - before) / (1 - a)
        return beta**2 / (2 * variance * (1 - beta) * (1 - a))

    def _mean(self, x_t: Tensor, t: Tensor) -> Tensor:
        beta, a = (part[t].view(-1, 1, 1, 1) for part in (self.beta, self.alpha_bar))
        mean: Tensor = (x_t - beta / (1 - a).sqrt() * self.network(x_t, t)) / (1 - beta).sqrt()
        return mean

    @torch.no_grad()
    def sample(self, number: int, generator: torch.Generator | None = None, steps: int | None = None) -> Tensor:
        """Images (number, C, H, W) in [0, 1].

        Args:
            number: how many.
            generator: of all noise.
            steps: fewer than T: only so many of the times are visited, without noise on the way (DDIM: Song et al.
                2021, eq. 12 with sigma = 0).

        Raises:
            ConfigError: more steps than there are.
        """
        if steps is not None and not 1 <= steps <= self.steps:
            raise ConfigError(f"this model has {self.steps} steps, not {steps}")
        x = standard_normal_like(self.beta, (number, *self.shape), generator)
        if steps is None or steps == self.steps:
            for t in range(self.steps - 1, -1, -1):
                at = torch.full((number,), t, device=x.device)
                x = self._mean(x, at)
                if t:
                    ratio = (1 - self.alpha_bar[t - 1]) / (1 - self.alpha_bar[t])
                    x = x + (self.beta[t] * ratio).sqrt() * standard_normal_like(x, tuple(x.shape), generator)
            return ((x + 1) / 2).clamp(0, 1)
        times = torch.linspace(self.steps - 1, 0, steps).round().long().tolist()
        for place, t in enumerate(times):
            at = torch.full((number,), t, device=x.device)
            noise, a = self.network(x, at), self.alpha_bar[t]
            clean = ((x - (1 - a).sqrt() * noise) / a.sqrt()).clamp(-1, 1)
            if place + 1 == len(times):
                x = clean
            else:
                following = self.alpha_bar[times[place + 1]]
                x = following.sqrt() * clean + (1 - following).sqrt() * noise
        return ((x + 1) / 2).clamp(0, 1)


class NoiseNetwork(nn.Module):
    """eps(x_t, t): a U-Net of residual blocks that are told t: (B, C, H, W), (B,) -> as x.

    Four neighbouring pixels are four channels of one place, so all convolutions are at half resolution or less: a
    quarter of the time.
    """

    def __init__(self, shape: tuple[int, int, int], channels: int) -> None:
        super().__init__()
        if shape[1] % 4 or shape[2] % 4:
            raise ConfigError(f"diffusion needs sides that are multiples of 4, not {shape[1]} x {shape[2]}")
        c, size = channels, 4 * channels
        self.channels = channels
        self.time = nn.Sequential(nn.Linear(channels, size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())
        self.first = nn.Conv2d(4 * shape[0], c, 3, padding=1)
        self.before = nn.ModuleList([_TimedBlock(c, c, size), _TimedBlock(c, c, size)])
        self.below = nn.ModuleList([_TimedBlock(c, 2 * c, size), *(_TimedBlock(2 * c, 2 * c, size) for _ in range(3))])
        self.after = nn.ModuleList([_TimedBlock(3 * c, c, size), _TimedBlock(c, c, size)])
        final = nn.Conv2d(c, 4 * shape[0], 3, padding=1)
        nn.init.zeros_(final.weight)
        self.last = nn.Sequential(nn.GroupNorm(1, c), nn.SiLU(), final)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        told = self.time(_waves(t, self.channels))
        h = self.first(nn.functional.pixel_unshuffle(x, 2))
        for block in self.before:
            h = block(h, told)
        passed, h = h, nn.functional.avg_pool2d(h, 2)
        for block in self.below:
            h = block(h, told)
        h = torch.cat([nn.functional.interpolate(h, scale_factor=2.0), passed], 1)
        for block in self.after:
            h = block(h, told)
        noise: Tensor = nn.functional.pixel_shuffle(self.last(h), 2)
        return noise.float()


class _TimedBlock(nn.Module):
    """x + f(x, t), with a 1 x 1 convolution on the way past where the channels change."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.GroupNorm(1, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.told = nn.Linear(size, outputs)
        self.after = nn.Sequential(nn.GroupNorm(1, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.past = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = self.before(x) + self.told(told)[..., None, None]
        result: Tensor = self.past(x) + self.after(h)
        return result


def _waves(t: Tensor, size: int) -> Tensor:
    """Sines and cosines of t at frequencies from 1 to 1/10,000 (Vaswani et al. 2017): (B,) -> (B, size)."""
    rates = torch.exp(-math.log(10_000) * torch.arange(size // 2, device=t.device) / (size // 2))
    angles = t.float().unsqueeze(-1) * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def _log_mass(x: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """log of the mass of N(mean, sigma^2) around each of 256 levels from -1 to 1, all that lies beyond at the ends."""
    half = 1 / (_LEVELS - 1)
    x = ((x.double() + 1) / 2 * (_LEVELS - 1)).round() / (_LEVELS - 1) * 2 - 1
    infinity = torch.full_like(x, math.inf)
    low = torch.where(x < -1 + half, -infinity, (x - half - mean.double()) / sigma.double())
    high = torch.where(x > 1 - half, infinity, (x + half - mean.double()) / sigma.double())
    # in the lower tail log masses stay exact however small they are: a floor under them would not leave a bound
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    below, above = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return (above + torch.log1p(-torch.exp(below - above))).float()
