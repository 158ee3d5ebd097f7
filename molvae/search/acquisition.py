"""Which of many candidate points to evaluate next, as a batch. Everything is maximised.

The candidates are a finite set with a joint posterior, so a batch is built greedily from joint posterior draws: each
point is worth what it adds to those already chosen and to those still pending. No optimiser runs.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from molvae.search.surrogate import Posterior

Acquisition = Callable[[Posterior, Tensor, float, int, torch.Generator, Sequence[int]], tuple[list[int], Tensor]]
"""(posterior at n candidates, feasibility (n,), best so far, q, generator, rows being evaluated already) -> rows chosen
in order, their values (q,)."""

SAMPLES = 256
_LOOK = 64  # points whose value is computed at a time


def log_expected_improvement(
    posterior: Posterior,
    feasibility: Tensor,
    best: float,
    q: int,
    generator: torch.Generator,
    pending: Sequence[int] = (),
) -> tuple[list[int], Tensor]:
    """Greedy batch of largest log expected improvement, weighted with feasibility.

    Our own code, since here the candidates are a finite set whose joint posterior is at hand: botorch's
    ``qLogExpectedImprovement`` computes a posterior anew for every point that it looks at, and knows neither bounds
    that spare most of the looks nor a point that may turn out infeasible. Single values agree with botorch's
    (``tests/search/test_acquisition.py``).

    log EI_+(z) + log P(feasible): Ament et al. 2023 (qLogEI: the logarithm and a softplus in place of the kink keep a
    ranking where the improvement underflows), Gardner et al. 2014 and Griffiths & Hernandez-Lobato 2020 (feasibility).
    """
    draws = posterior.draw(SAMPLES, generator)
    temperature = 0.02 * float(posterior.std.mean()) + 1e-12
    reached = torch.full((SAMPLES, 1), best, dtype=draws.dtype)
    log_feasible = feasibility.log()
    chosen: list[int] = []
    values: list[Tensor] = []
    bounds = torch.full_like(posterior.mean, torch.inf)
    for row in pending:
        bounds[row] = -torch.inf
        reached = torch.maximum(reached, draws[:, row : row + 1])
    # What a point adds can only shrink as others are chosen, so its last value is a bound for it: few points need to be
    # looked at again for each choice (Minoux 1978, "accelerated greedy").
    for _ in range(min(q, len(posterior.mean) - len(pending))):
        fresh = torch.zeros(len(bounds), dtype=torch.bool)
        while not bool(fresh[row := int(bounds.argmax())]):
            rows = bounds.masked_fill(fresh, -torch.inf).topk(min(_LOOK, len(bounds))).indices
            rows = rows[~fresh[rows] & (bounds[rows] > -torch.inf)]
            gain = torch.nn.functional.softplus((draws[:, rows] - reached) / temperature) * temperature
            bounds[rows] = gain.mean(0).clamp(min=1e-300).log() + log_feasible[rows]
            fresh[rows] = True
        chosen.append(row)
        values.append(bounds[row].clone())
        bounds[row] = -torch.inf
        # a point that may turn out infeasible raises the bar only so far as it is likely to count
        reached = torch.maximum(reached, draws[:, row : row + 1] + feasibility[row].log())
    return chosen, torch.stack(values) if values else torch.empty(0, dtype=draws.dtype)


def thompson_sampling(
    posterior: Posterior,
    feasibility: Tensor,
    best: float,
    q: int,
    generator: torch.Generator,
    pending: Sequence[int] = (),
) -> tuple[list[int], Tensor]:
    """Each point of the batch is the best feasible candidate of another joint draw (Thompson 1933; Eriksson 2019)."""
    number = min(q, len(posterior.mean) - len(pending))
    draws = posterior.draw(number, generator)
    alive = torch.rand(draws.shape, generator=generator, dtype=draws.dtype) < feasibility
    draws = torch.where(alive, draws, draws - 1e6)
    chosen: list[int] = []
    values: list[Tensor] = []
    for draw in draws:
        draw = draw.clone()
        draw[[*chosen, *pending]] = -torch.inf
        row = int(draw.argmax())
        chosen.append(row)
        values.append(draw[row])
    return chosen, torch.stack(values) if values else torch.empty(0, dtype=draws.dtype)


ACQUISITIONS: dict[str, Acquisition] = {"logei": log_expected_improvement, "thompson": thompson_sampling}
"""By name; to add one, write a function of this form and give it a line here."""
