"""How sharp images are."""

import torch
from torch import Tensor

_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def sharpness(pixels: Tensor) -> Tensor:
    """Variance over the pixels of the discrete Laplacian of each image's mean channel, (n, C, H, W) -> (n,).

    Pech-Pacheco et al. 2000: what is blurred has no second differences. Of use relative to real images only, and no
    measure of quality: noise is sharp too.
    """
    grey = pixels.clamp(0, 1).mean(1, keepdim=True)
    kernel = torch.tensor(_LAPLACIAN, dtype=grey.dtype, device=grey.device)[None, None]
    return torch.nn.functional.conv2d(grey, kernel).flatten(1).var(1)
