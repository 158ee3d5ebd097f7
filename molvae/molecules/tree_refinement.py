"""Refined encodings of a graph VAE: the point whose greedy decoding is the molecule itself.

As :mod:`molvae.molecules.refinement` does for SMILES: from the posterior mean, Adam on -log p(x|z) over z goes on until
every decision of the tree is ahead of all others (semi-amortised inference, Kim et al. 2018).
"""

import torch
from torch import Tensor

from molvae.molecules.refinement import STEPS, climb
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
    """Move encodings (n, D) until they decode to their molecules.

    The arguments and the result are those of :func:`molvae.molecules.refinement.refine`; ``margin`` is by how much each
    decision of the tree must be ahead of all others.
    """
    with torch.inference_mode(False):  # a caller may have turned gradients off for good
        refined = z.detach().float().cpu().clone()
        for rows in track(torch.arange(len(z)).split(_TOGETHER), "refining encodings", progress=progress):
            look = _Look(decoder, molecules, rows, z.device, margin)
            refined[rows] = climb(refined[rows], steps, rate, largest_norm, look)
    return refined


class _Look:
    """See :data:`molvae.molecules.refinement.Look`.

    Args:
        decoder: p(x|z).
        molecules: a data set.
        which: those of it that the rows are.
        device: of the decoder.
        margin: see :func:`refine`.
    """

    def __init__(
        self, decoder: TreeNetwork, molecules: TreeDataset, which: Tensor, device: torch.device, margin: float
    ) -> None:
        self.decoder, self.molecules, self.which, self.device, self.margin = decoder, molecules, which, device, margin
        self._batch: TreeBatch | None = None

    def __call__(self, z: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self._batch is None or len(self._batch) != len(rows):  # rows only ever leave
            self._batch = self.molecules.batch(self.which[rows].numpy()).to(self.device)
        with torch.enable_grad():
            points = z.to(self.device).detach().clone().requires_grad_(True)
            log_p = self.decoder.log_prob(points, self._batch)
            (gradient,) = torch.autograd.grad(log_p.sum(), points)
        done = least_margin(self.decoder, points.detach(), self._batch) > self.margin
        return log_p.detach().cpu(), done.cpu(), gradient.cpu()


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
