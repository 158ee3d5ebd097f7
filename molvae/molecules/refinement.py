"""Refined encodings: the point whose greedy decoding is the molecule itself.

An encoder answers at once and is a little off. From its answer, Adam on -log p(x|z) over z goes on until greedy
decoding gives the molecule back (semi-amortised inference, Kim et al. 2018; the inversion of Chu et al. 2024). What
is given back already stays where it is. Each molecule is moved by itself, and its point does not depend on what else
is refined with it: matrices have a fixed number of rows, and as many columns as the molecule's own length asks for.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from molvae.chemistry.molecule import canonical
from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.molecules.protocols import SequenceDecoder
from molvae.molecules.reranking import Autoencoder
from molvae.molecules.vocabulary import BOS_INDEX, PAD_INDEX
from molvae.run.device import gains_from_bfloat16
from molvae.run.progress import Progress, on_stderr, track

STEPS = 80
_ROWS = 16
_LENGTHS = 16  # molecules are padded to a multiple of this
_TOGETHER = 512  # molecules of which progress is told at once


def rebuilt(model: Autoencoder, smiles: Sequence[str], z: Tensor) -> np.ndarray:
    """Whether greedy decoding of each point (n, D), without mask, gives its molecule back, (n,); a NaN row does not."""
    finite = torch.isfinite(z).all(-1)
    result = finite.numpy().copy()
    texts, _ = model.generate(z[finite], mask="none")
    wanted = [smiles[row] for row in np.flatnonzero(result).tolist()]
    result[result] = [
        text == want or canonical(text) == (canonical(want) or want) for text, want in zip(texts, wanted, strict=True)
    ]
    return result


def refine(
    decoder: SequenceDecoder,
    molecules: MoleculeDataset,
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
        margin: by how much, in nats, each token must be ahead of all others for a molecule to be done.
        largest_norm: bound of the norm of z in units of sqrt(D), that of the prior; a point that begins further out may
            stay as far.
        progress: told how far it has come.

    Returns:
        (n, D) float32 on the CPU. Where a molecule is never given back, the point with the largest log p(x|z) seen.
    """
    # tokens with their end, rounded up
    widths = np.minimum(-(-(molecules.lengths() + 1) // _LENGTHS) * _LENGTHS, decoder.max_length + 1)
    parts = [
        (int(width), rows)
        for width in np.unique(widths)
        for rows in torch.from_numpy(np.flatnonzero(widths == width)).split(_TOGETHER)
    ]
    with torch.inference_mode(False):  # a caller may have turned gradients off for good
        refined = z.detach().float().cpu().clone()
        for width, rows in track(parts, "refining encodings", progress=progress):
            tokens = molecules.batch(rows.numpy()).tokens
            tokens = nn.functional.pad(tokens, (0, width - tokens.shape[1]), value=PAD_INDEX)
            look = functools.partial(_look, decoder, tokens, z.device, margin)
            refined[rows] = climb(refined[rows], steps, rate, largest_norm, look)
    return refined


Look = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""Points (k, D) on the CPU and the rows (k,) that they are of -> log p(x|z) (k,), whether greedy decoding gives x (k,),
and the gradient of the first (k, D), all on the CPU."""


def climb(start: Tensor, steps: int, rate: float, largest_norm: float, look: Look) -> Tensor:
    """Adam (Kingma & Ba 2015) on each row (n, D) by itself; rows leave as soon as they are done.

    Args:
        start: (n, D) on the CPU.
        steps, rate, largest_norm: see :func:`refine`.
        look: what is climbed, at some of the rows.

    Returns:
        (n, D): where a row was done, else the point with the largest log p(x|z) seen.
    """
    z, best = start.clone(), start.clone()
    score = torch.full((len(z),), -torch.inf)
    first, second = torch.zeros_like(z), torch.zeros_like(z)
    bound = start.norm(dim=1, keepdim=True).clamp_min(largest_norm * z.shape[1] ** 0.5)
    rows = torch.arange(len(z))
    for step in range(1, steps + 2):  # one more than moves: the last point is looked at too
        log_p, done, gradient = look(z[rows], rows)
        better = done | (log_p > score[rows])
        best[rows[better]] = z[rows[better]]
        score[rows] = torch.maximum(score[rows], log_p)
        rows, gradient = rows[~done], gradient[~done]
        if len(rows) == 0 or step > steps:
            break
        first[rows] = 0.9 * first[rows] + 0.1 * gradient
        second[rows] = 0.999 * second[rows] + 0.001 * gradient.square()
        mean, square = first[rows] / (1 - 0.9**step), second[rows] / (1 - 0.999**step)
        moved = z[rows] + rate * mean / (square.sqrt() + 1e-8)
        z[rows] = moved * (bound[rows] / moved.norm(dim=1, keepdim=True)).clamp_max(1)
    return best


def _look(
    decoder: SequenceDecoder, tokens: Tensor, device: torch.device, margin: float, z: Tensor, which: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See :data:`Look`; the tokens are of all rows."""
    parts, tokens = [], tokens[which]
    for rows in torch.arange(len(z)).split(_ROWS):
        filled = torch.cat([rows, rows[:1].expand(_ROWS - len(rows))])  # always the same shape
        answers = _look_at_rows(decoder, z[filled].to(device), TokenBatch(tokens[filled]).to(device), margin)
        parts.append([answer[: len(rows)].cpu() for answer in answers])
    log_p, done, gradient = (torch.cat(column) for column in zip(*parts, strict=True))
    return log_p, done, gradient


def _look_at_rows(
    decoder: SequenceDecoder, points: Tensor, batch: TokenBatch, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    targets, device = batch.tokens.t(), points.device
    with torch.enable_grad():
        points.requires_grad_()
        with torch.autocast(device.type, torch.bfloat16, enabled=gains_from_bfloat16(device)):
            logits = decoder.logits(points, batch.inputs)  # (T, N, V)
        log_p = torch.log_softmax(logits.float(), -1)
        own = log_p.gather(2, targets.unsqueeze(2)).squeeze(2)
        total = torch.where(targets == PAD_INDEX, 0.0, own).sum(0)
        (gradient,) = torch.autograd.grad(total.sum(), points)
    others = log_p.detach().scatter(2, targets.unsqueeze(2), -torch.inf)
    others[..., [PAD_INDEX, BOS_INDEX]] = -torch.inf  # never written
    ahead = (own.detach() - others.amax(2) > margin) | (targets == PAD_INDEX)
    return total.detach(), ahead.all(0), gradient
