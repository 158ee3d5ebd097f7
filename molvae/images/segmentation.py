"""How well masks agree: the adjusted Rand index (Hubert & Arabie 1985), over the pixels of objects only."""

import torch
from torch import Tensor

from molvae.images.vae import ImageVAE


def foreground_index(truth: Tensor, masks: Tensor) -> Tensor:
    """Adjusted Rand index of each scene, (n,): 1 where every object has a mask of its own, about 0 for chance.

    Background pixels do not count, as in all work on object-centric models (Greff et al. 2019). A scene of one object
    in one mask has 1.

    Args:
        truth: (n, K + 1, H, W), where each object is, the background first.
        masks: (n, M, H, W), soft; a pixel belongs to the largest.
    """
    objects = truth[:, 1:].flatten(2).double()  # (n, K, P)
    belongs = torch.nn.functional.one_hot(masks.flatten(2).argmax(1), masks.shape[1]).double()  # (n, P, M)
    table = objects @ belongs  # (n, K, M): pixels of each object in each mask

    def pairs(count: Tensor) -> Tensor:
        return count * (count - 1) / 2

    both = pairs(table).sum((1, 2))
    rows, columns = pairs(table.sum(2)).sum(1), pairs(table.sum(1)).sum(1)
    chance = rows * columns / pairs(table.sum((1, 2)))
    best = (rows + columns) / 2
    return torch.where(best == chance, torch.ones_like(best), (both - chance) / (best - chance)).float()


def foreground_ari(model: ImageVAE, pixels: Tensor, truth: Tensor) -> float:
    """Mean foreground index of a model's slots over scenes.

    Args:
        model: of slots.
        pixels: (n, C, H, W).
        truth: (n, K + 1, H, W), where each object is, the background first.

    Raises:
        ConfigError: a model without slots.
    """
    return float(foreground_index(truth, model.components(pixels)[1].squeeze(2)).mean())
