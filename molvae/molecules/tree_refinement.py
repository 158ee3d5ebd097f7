"""Refined encodings of a graph VAE: the point whose greedy decoding is the molecule itself.

As :mod:`molvae.molecules.refinement` does for SMILES: from the posterior mean, Adam on -log p(x|z) over z goes on until
every decision of the tree is ahead of all others (semi-amortised inference, Kim et al. 2018).
"""

import torch
from torch import Tensor

from molvae.molecules.refinement import STEPS
from molvae.molecules.tree_batches import TreeBatch, TreeDataset
from molvae.molecules.tree_network import TreeNetwork
from molvae.run.progress import Progress, on_stderr, track

_TOGETHER = 64


def refine(
    decoder: TreeNetwork,
    molecules: TreeDataset,
    z: Tensor,
    steps: int = STEPS,
    rate: float = 0.05,
    margin: float = 0.1,
    largest_norm: float = 1.25,
    progress: Progress = on_stderr,
) -> Tensor:
    """Move encodings until they decode to their molecules.

    Args:
        decoder: p(x|z), whose weights stay as they are.
        molecules: n molecules.
        z: (n, D) where to begin, usually their encodings; on the decoder's device.
        steps: at most.
        rate: of Adam.
        margin: by how much, in nats, each decision must be ahead of all others for a molecule to be done.
        largest_norm: bound of the norm of z in units of sqrt(D), that of the prior; a point that begins further out may
            stay as far.
        progress: told how far it has come.

    Returns:
        (n, D) float32 on the CPU. Where a molecule is never given back, the point with the largest log p(x|z) seen.
    """
    with torch.inference_mode(False):  # a caller may have turned gradients off for good
        refined = z.detach().float().cpu().clone()
        for rows in track(torch.arange(len(z)).split(_TOGETHER), "refining encodings", progress=progress):
            refined[rows] = _climb(
                decoder, molecules, rows, refined[rows].to(z.device), steps, rate, margin, largest_norm
            )
    return refined


def _climb(
    decoder: TreeNetwork,
    molecules: TreeDataset,
    which: Tensor,
    start: Tensor,
    steps: int,
    rate: float,
    margin: float,
    largest_norm: float,
) -> Tensor:
    """Adam (Kingma & Ba 2015) on each row (n, D) by itself; rows leave as soon as they are done."""
    z, best = start.clone(), start.clone()
    score = torch.full((len(z),), -torch.inf, device=z.device)
    first, second = torch.zeros_like(z), torch.zeros_like(z)
    bound = start.norm(dim=1, keepdim=True).clamp_min(largest_norm * z.shape[1] ** 0.5)
    rows = torch.arange(len(z), device=z.device)
    batch = molecules.batch(which.numpy()).to(z.device)
    for step in range(1, steps + 2):  # one more than moves: the last point is looked at too
        log_p, done, gradient = _look(decoder, z[rows], batch, margin)
        better = done | (log_p > score[rows])
        best[rows[better]] = z[rows[better]]
        score[rows] = torch.maximum(score[rows], log_p)
        if bool(done.any()):
            rows, gradient = rows[~done], gradient[~done]
            if len(rows):
                batch = molecules.batch(which.numpy()[rows.cpu().numpy()]).to(z.device)
        if len(rows) == 0 or step > steps:
            break
        first[rows] = 0.9 * first[rows] + 0.1 * gradient
        second[rows] = 0.999 * second[rows] + 0.001 * gradient.square()
        mean, square = first[rows] / (1 - 0.9**step), second[rows] / (1 - 0.999**step)
        moved = z[rows] + rate * mean / (square.sqrt() + 1e-8)
        z[rows] = moved * (bound[rows] / moved.norm(dim=1, keepdim=True)).clamp_max(1)
    return best


def _look(decoder: TreeNetwork, z: Tensor, batch: TreeBatch, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x|z) (n,), whether greedy decoding gives x (n,), and the gradient of the first (n, D)."""
    with torch.enable_grad():
        points = z.detach().clone().requires_grad_(True)
        log_p = decoder.log_prob(points, batch)
        (gradient,) = torch.autograd.grad(log_p.sum(), points)
    with torch.no_grad():
        return log_p.detach(), least_margin(decoder, z, batch) > margin, gradient


@torch.no_grad()
def least_margin(decoder: TreeNetwork, z: Tensor, batch: TreeBatch) -> Tensor:
    """By how much the decision that is least sure is ahead of its best alternative, (B,); negative if it is behind.

    Labels that are not feasible count as alternatives, so that a positive margin is enough for greedy decoding to give
    the molecule back, and not always necessary.
    """
    scores = decoder.scores(z, batch)
    margins = z.new_full((len(batch),), torch.inf)

    def take(owners: Tensor, values: Tensor) -> None:
        margins.scatter_reduce_(0, batch.molecule[owners], values, "amin")

    everything = torch.arange(len(batch.label), device=z.device)
    take(batch.children, scores.grow[: scores.growing])
    take(everything, -scores.grow[scores.growing :])
    true = scores.label.gather(1, batch.label[:, None])
    others = scores.label.scatter(1, batch.label[:, None], -torch.inf)
    take(everything, true[:, 0] - others.amax(1))
    if len(batch.chosen):
        true_way = scores.way.new_zeros(len(batch.label))
        true_way[batch.chosen_of] = scores.way[batch.chosen]
        wrong = torch.ones(len(scores.way), dtype=torch.bool, device=z.device)
        wrong[batch.chosen] = False
        take(batch.ways_of[wrong], true_way[batch.ways_of[wrong]] - scores.way[wrong])
    return margins
